#include "data/chrf.h"

#include <algorithm>
#include <unordered_map>

#include "core/check.h"
#include "data/answer_text.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

constexpr std::size_t kCharacterOrders = kChrfStatistics / 3;
constexpr double kBeta = 2;

// A text without white space, by characters.
class Characters {
 public:
  explicit Characters(std::string_view text) {
    for (const std::string& word : words_of(text)) text_ += word;
    for (std::size_t at = 0; at < text_.size(); (void)next_char(text_, at)) begins_.push_back(at);
    begins_.push_back(text_.size());
  }
  Characters(const Characters&) = delete;
  Characters& operator=(const Characters&) = delete;

  // Counts the n-grams; the keys are views of this object.
  [[nodiscard]] std::unordered_map<std::string_view, double> ngrams(std::size_t n) const {
    std::unordered_map<std::string_view, double> counts;
    for (std::size_t i = 0; i + n < begins_.size(); ++i) {
      ++counts[std::string_view(text_).substr(begins_[i], begins_[i + n] - begins_[i])];
    }
    return counts;
  }
  [[nodiscard]] double count(std::size_t n) const {
    return begins_.size() > n ? static_cast<double>(begins_.size() - n) : 0;
  }

 private:
  std::string text_;
  std::vector<std::size_t> begins_;  // of every character, and the end
};

std::vector<double> statistics_of(const Characters& answer, const Characters& reference) {
  std::vector<double> statistics;
  for (std::size_t n = 1; n <= kCharacterOrders; ++n) {
    const auto theirs = reference.ngrams(n);
    double common = 0;
    for (const auto& [ngram, count] : answer.ngrams(n)) {
      const auto found = theirs.find(ngram);
      if (found != theirs.end()) common += std::min(count, found->second);
    }
    // Orders that the reference is too short for do not count.
    statistics.push_back(theirs.empty() ? 0 : answer.count(n));
    statistics.push_back(reference.count(n));
    statistics.push_back(common);
  }
  return statistics;
}

}  // namespace

std::vector<double> chrf_statistics(std::string_view answer,
                                    std::span<const std::string> references) {
  INCIPIT_CHECK(!references.empty(), "chrF without a reference");
  const Characters ours(answer);
  std::vector<double> best;
  double best_score = -1;
  for (const std::string& reference : references) {
    std::vector<double> statistics = statistics_of(ours, Characters(reference));
    const double score = chrf_score(statistics);
    if (score <= best_score) continue;
    best_score = score;
    best = std::move(statistics);
  }
  return best;
}

double chrf_score(std::span<const double> sums) {
  double precision = 0;
  double recall = 0;
  double orders = 0;
  for (std::size_t n = 0; n < kCharacterOrders; ++n) {
    const double answer = sums[3 * n];
    const double reference = sums[3 * n + 1];
    if (answer == 0 || reference == 0) continue;
    precision += sums[3 * n + 2] / answer;
    recall += sums[3 * n + 2] / reference;
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  constexpr double kFactor = kBeta * kBeta;
  return (1 + kFactor) * precision * recall / (kFactor * precision + recall);
}

}  // namespace incipit::data
