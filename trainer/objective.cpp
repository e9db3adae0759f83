#include "trainer/objective.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"

namespace incipit::trainer {
namespace {

class TargetTokenObjective final : public Objective {
 public:
  explicit TargetTokenObjective(std::vector<double> weights) : weights_(std::move(weights)) {
    for (const double weight : weights_) count_ += weight;
  }

  [[nodiscard]] Value evaluate(std::span<const double> log_likelihoods) const override {
    Value value{.loss = 0, .gradient = std::vector<double>(log_likelihoods.size())};
    for (std::size_t t = 0; t < log_likelihoods.size(); ++t) {
      value.loss -= weights_[t] * log_likelihoods[t];
      value.gradient[t] = -weights_[t];
    }
    return value;
  }

  [[nodiscard]] double count() const override { return count_; }

 private:
  std::vector<double> weights_;  // per target
  double count_ = 0;
};

class CandidateObjective final : public Objective {
 public:
  CandidateObjective(const PackedForest& packed, std::vector<CandidateGroup> groups)
      : packed_(packed), groups_(std::move(groups)) {
    for (const CandidateGroup& group : groups_) {
      INCIPIT_CHECK(group.gold >= 0 && group.gold < static_cast<int>(group.sequences.size()),
                    "gold candidate ", group.gold, " of ", group.sequences.size());
      auto& targets = coupled_.emplace_back();
      for (const std::int32_t sequence : group.sequences) {
        const auto& own = packed.targets[sequence];
        targets.insert(targets.end(), own.begin(), own.end());
      }
    }
  }

  [[nodiscard]] Value evaluate(std::span<const double> log_likelihoods) const override {
    Value value{.loss = 0, .gradient = std::vector<double>(log_likelihoods.size())};
    for (const CandidateGroup& group : groups_) add(group, log_likelihoods, value);
    return value;
  }

  [[nodiscard]] double count() const override { return static_cast<double>(groups_.size()); }

  [[nodiscard]] std::span<const std::vector<std::int32_t>> coupled() const override {
    return coupled_;
  }

 private:
  void add(const CandidateGroup& group, std::span<const double> log_likelihoods,
           Value& value) const {
    std::vector<double> scores;
    for (const std::int32_t sequence : group.sequences) {
      double& score = scores.emplace_back(0);
      for (const std::int32_t t : packed_.targets[sequence]) score += log_likelihoods[t];
    }
    const double highest = *std::max_element(scores.begin(), scores.end());
    double total = 0;
    for (const double score : scores) total += std::exp(score - highest);
    const double log_total = highest + std::log(total);
    value.loss += log_total - scores[group.gold];
    for (std::size_t c = 0; c < scores.size(); ++c) {
      const double gradient =
          std::exp(scores[c] - log_total) - (static_cast<int>(c) == group.gold ? 1.0 : 0.0);
      for (const std::int32_t t : packed_.targets[group.sequences[c]]) {
        value.gradient[t] += gradient;
      }
    }
  }

  const PackedForest& packed_;
  std::vector<CandidateGroup> groups_;
  std::vector<std::vector<std::int32_t>> coupled_;
};

}  // namespace

std::unique_ptr<Objective> target_token_objective(const Forest& forest) {
  std::vector<double> weights;
  for (const Target& target : forest.targets) weights.push_back(target.weight);
  return std::make_unique<TargetTokenObjective>(std::move(weights));
}

std::unique_ptr<Objective> target_token_objective(const PackedForest& packed,
                                                  std::span<const std::int32_t> sequences) {
  std::vector<double> weights(packed.forest.targets.size(), 0);
  for (const std::int32_t sequence : sequences) {
    for (const std::int32_t target : packed.targets[sequence]) weights[target] += 1;
  }
  return std::make_unique<TargetTokenObjective>(std::move(weights));
}

std::unique_ptr<Objective> candidate_objective(const PackedForest& packed,
                                               std::vector<CandidateGroup> groups) {
  return std::make_unique<CandidateObjective>(packed, std::move(groups));
}

}  // namespace incipit::trainer
