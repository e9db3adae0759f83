#include "eval/word_climb.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/check.h"

namespace incipit::eval {
namespace {

constexpr std::uint64_t kPositionStream = 0x706f736974;  // "posit"
constexpr std::uint64_t kRandomStream = 0x72616e646f6d;  // "random"
constexpr int kMostRepeats = 1000;  // random draws in a row that were scored before

// Tries every value at `position` and keeps the one with the lowest loss. Returns whether the words
// changed; sets `ended` when the budget is spent.
template <typename Values>
bool improve(WordClimb& climb, Words& words, std::size_t position, const Values& values,
             bool& ended) {
  std::optional<double> lowest = climb.score(words);
  Words best = words;
  Words tried = words;
  for (const TokenId value : values) {
    tried[position] = value;
    const std::optional<double> loss = climb.score(tried);
    if (!loss) {
      ended = true;
      break;
    }
    if (*loss < *lowest) {
      lowest = loss;
      best = tried;
    }
  }
  const bool changed = best != words;
  words = std::move(best);
  return changed;
}

}  // namespace

std::optional<double> WordClimb::score(const Words& words) {
  if (const auto found = known_.find(words); found != known_.end()) return found->second;
  if (passes_ + train_cost_ + validation_cost_ > budget_) return std::nullopt;
  const double loss = scores_.train_loss(words);
  passes_ += train_cost_;
  known_.emplace(words, loss);
  if (steps_.empty() || loss < steps_.back().train_loss) {
    const double judged = scores_.validation_loss(words);
    passes_ += validation_cost_;
    steps_.push_back({words, loss, judged, passes_});
  }
  if (on_progress_) on_progress_(passes_);
  return loss;
}

bool WordClimb::spend(std::int64_t passes) {
  if (passes_ + passes > budget_) return false;
  passes_ += passes;
  return true;
}

const WordStep& WordClimb::best() const {
  INCIPIT_CHECK(!steps_.empty());
  return *std::min_element(steps_.begin(), steps_.end(), [](const WordStep& a, const WordStep& b) {
    return a.validation_loss < b.validation_loss;
  });
}

void climb_over_phrases(WordClimb& climb, std::span<const std::size_t> phrases) {
  Words words(phrases.size(), 0);
  if (!climb.score(words)) return;
  bool ended = false;
  for (bool changed = true; changed && !ended;) {
    changed = false;
    for (std::size_t slot = 0; slot < phrases.size() && !ended; ++slot) {
      Words numbers(phrases[slot]);
      std::iota(numbers.begin(), numbers.end(), 0);
      changed = improve(climb, words, slot, numbers, ended) || changed;
    }
  }
}

void climb_over_tokens(WordClimb& climb, Words start, std::int64_t gradient_cost,
                       const TokenProposals& propose, std::uint64_t seed) {
  Words words = std::move(start);
  if (!climb.score(words)) return;
  Random random(seed, kPositionStream);
  std::vector<std::size_t> positions(words.size());
  std::iota(positions.begin(), positions.end(), 0);
  bool ended = false;
  bool left = true;  // whether a position has tokens that were not tried with these words
  for (std::size_t depth = 0; !ended && left;) {
    if (depth == 0) {
      if (!climb.spend(gradient_cost)) return;
      random.shuffle(std::span(positions));
    }
    left = false;
    bool changed = false;
    for (const std::size_t position : positions) {
      const std::vector<TokenId> tokens = propose(words, position, depth);
      left = left || !tokens.empty();
      changed = improve(climb, words, position, tokens, ended);
      if (changed || ended) break;
    }
    left = left || changed;
    depth = changed ? 0 : depth + 1;
  }
}

void climb_at_random(WordClimb& climb, const Words& start,
                     const std::function<Words(Random& random)>& draw, std::uint64_t seed) {
  if (!climb.score(start)) return;
  Random random(seed, kRandomStream);
  for (int repeats = 0; repeats < kMostRepeats;) {
    const Words words = draw(random);
    repeats = climb.has_scored(words) ? repeats + 1 : 0;
    if (!climb.score(words)) return;
  }
}

}  // namespace incipit::eval
