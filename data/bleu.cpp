#include "data/bleu.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <unordered_map>

#include "core/check.h"
#include "data/answer_text.h"

namespace incipit::data {
namespace {

constexpr std::size_t kWordOrders = 4;
constexpr double kLogOfZero = -9999999999;  // as in sacrebleu

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_point(char c) { return c == '.' || c == ','; }
// ASCII punctuation except ' , - and .
bool is_always_apart(char c) {
  return (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || c == '/' || (c >= ':' && c <= '@') ||
         (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string punctuation_apart(std::string_view text) {
  std::string apart;
  for (const char c : text) {
    if (is_always_apart(c)) {
      apart.append(" ").append(1, c).append(" ");
    } else {
      apart += c;
    }
  }
  return apart;
}

// Replaces every pair of neighbours of these kinds, from left to right, with `left` + `right`,
// where `put` writes the pair.
template <typename First, typename Second, typename Put>
std::string replace_pairs(std::string_view text, First first, Second second, Put put) {
  std::string replaced;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && first(text[i]) && second(text[i + 1])) {
      put(replaced, text[i], text[i + 1]);
      ++i;
    } else {
      replaced += text[i];
    }
  }
  return replaced;
}

using Counts = std::unordered_map<std::string, double>;

// Counts the n-grams of all orders; the words of a key are joined by spaces.
Counts count_ngrams(const std::vector<std::string>& words) {
  Counts counts;
  for (std::size_t begin = 0; begin < words.size(); ++begin) {
    std::string ngram;
    for (std::size_t n = 0; n < kWordOrders && begin + n < words.size(); ++n) {
      ngram.append(n == 0 ? "" : " ").append(words[begin + n]);
      ++counts[ngram];
    }
  }
  return counts;
}

std::size_t closest_length(std::size_t length, const std::vector<std::size_t>& lengths) {
  const auto distance = [&](std::size_t other) {
    return length > other ? length - other : other - length;
  };
  return *std::min_element(lengths.begin(), lengths.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(distance(a), a) < std::pair(distance(b), b);
  });
}

}  // namespace

std::vector<std::string> bleu_tokens(std::string_view text) {
  std::string line(stripped(text));
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  replace_all(line, "&quot;", "\"");
  replace_all(line, "&amp;", "&");
  replace_all(line, "&lt;", "<");
  replace_all(line, "&gt;", ">");
  line = punctuation_apart(" " + line + " ");
  line = replace_pairs(
      line, [](char c) { return !is_digit(c); }, is_point,
      [](std::string& to, char a, char b) {
        to.append(1, a).append(" ").append(1, b).append(" ");
      });
  line = replace_pairs(
      line, is_point, [](char c) { return !is_digit(c); },
      [](std::string& to, char a, char b) {
        to.append(" ").append(1, a).append(" ").append(1, b);
      });
  line = replace_pairs(
      line, is_digit, [](char c) { return c == '-'; },
      [](std::string& to, char a, char b) {
        to.append(1, a).append(" ").append(1, b).append(" ");
      });
  return words_of(line);
}

std::vector<double> bleu_statistics(std::string_view answer,
                                    std::span<const std::string> references) {
  INCIPIT_CHECK(!references.empty(), "BLEU without a reference");
  const std::vector<std::string> words = bleu_tokens(answer);
  Counts most;  // of an n-gram in any one reference
  std::vector<std::size_t> lengths;
  for (const std::string& reference : references) {
    const std::vector<std::string> theirs = bleu_tokens(reference);
    lengths.push_back(theirs.size());
    for (const auto& [ngram, count] : count_ngrams(theirs)) {
      double& highest = most[ngram];
      highest = std::max(highest, count);
    }
  }
  std::vector<double> statistics(kBleuStatistics);
  statistics[0] = static_cast<double>(words.size());
  statistics[1] = static_cast<double>(closest_length(words.size(), lengths));
  for (const auto& [ngram, count] : count_ngrams(words)) {
    const auto order = static_cast<std::size_t>(std::count(ngram.begin(), ngram.end(), ' '));
    statistics[2 + kWordOrders + order] += count;
    const auto found = most.find(ngram);
    if (found != most.end()) statistics[2 + order] += std::min(count, found->second);
  }
  return statistics;
}

double bleu_score(std::span<const double> sums) {
  const double length = sums[0];
  const double reference_length = sums[1];
  const auto right = sums.subspan(2, kWordOrders);
  const auto total = sums.subspan(2 + kWordOrders, kWordOrders);
  if (std::all_of(right.begin(), right.end(), [](double count) { return count == 0; })) return 0;
  double logs = 0;
  double smoothing = 1;
  bool ended = false;  // no n-grams of this order
  for (std::size_t n = 0; n < kWordOrders; ++n) {
    ended = ended || total[n] == 0;
    if (ended) {
      logs += kLogOfZero;
    } else if (right[n] == 0) {
      smoothing *= 2;
      logs += std::log(1 / (smoothing * total[n]));
    } else {
      logs += std::log(right[n] / total[n]);
    }
  }
  const double brevity = length < reference_length ? std::exp(1 - reference_length / length) : 1;
  return brevity * std::exp(logs / static_cast<double>(kWordOrders));
}

}  // namespace incipit::data
