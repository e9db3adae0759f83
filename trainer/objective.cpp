#include "trainer/objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/scatter_reduce.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "nn/host_copy.h"

namespace incipit::trainer {
namespace {

class TargetTokenObjective final : public Objective {
 public:
  TargetTokenObjective(const std::vector<double>& weights, at::Device device)
      : weights_(nn::upload(weights, device)),
        count_(std::accumulate(weights.begin(), weights.end(), 0.0)) {
    const bool uses_all = std::find(weights.begin(), weights.end(), 0.0) == weights.end();
    if (!uses_all) unused_ = weights_ == 0;
  }

  [[nodiscard]] Value evaluate(const at::Tensor& log_likelihoods) const override {
    at::Tensor gradient = -weights_;
    at::Tensor losses = gradient * log_likelihoods;
    if (unused_.defined()) losses.masked_fill_(unused_, 0);  // others' may not be finite
    return {losses.sum(), gradient};
  }

  [[nodiscard]] double count() const override { return count_; }

 private:
  at::Tensor weights_;  // per target
  at::Tensor unused_;   // per target: whether the weight is 0; undefined if none is
  double count_;
};

// Candidates of all groups are numbered one after the other, and the targets of all candidates too.
class CandidateObjective final : public Objective {
 public:
  CandidateObjective(std::span<const CandidateGroup> groups, at::Device device)
      : groups_(static_cast<std::int64_t>(groups.size())) {
    std::vector<std::int64_t> gold, group_of, candidate_of, targets;
    std::vector<double> is_gold;
    for (const CandidateGroup& group : groups) {
      INCIPIT_CHECK(group.gold >= 0 && group.gold < static_cast<int>(group.candidates.size()),
                    "gold candidate ", group.gold, " of ", group.candidates.size());
      const auto first = static_cast<std::int64_t>(group_of.size());
      gold.push_back(first + group.gold);
      auto& coupled = coupled_.emplace_back();
      for (const std::vector<std::int32_t>& of_candidate : group.candidates) {
        const auto candidate = static_cast<std::int64_t>(group_of.size());
        group_of.push_back(static_cast<std::int64_t>(coupled_.size()) - 1);
        is_gold.push_back(candidate == gold.back() ? 1 : 0);
        for (const std::int32_t target : of_candidate) {
          coupled.push_back(target);
          targets.push_back(target);
          candidate_of.push_back(candidate);
        }
      }
    }
    const auto index = [&](const std::vector<std::int64_t>& values) {
      return nn::upload(values, device);
    };
    gold_ = index(gold);
    group_of_ = index(group_of);
    candidate_of_ = index(candidate_of);
    targets_ = index(targets);
    is_gold_ = nn::upload(is_gold, device);
  }

  [[nodiscard]] Value evaluate(const at::Tensor& log_likelihoods) const override {
    const at::Tensor scores = at::zeros_like(is_gold_).index_add_(
        0, candidate_of_, log_likelihoods.index_select(0, targets_));
    const auto by_group = [&](double value) {
      return at::full({groups_}, value, log_likelihoods.options());
    };
    const at::Tensor highest = by_group(-std::numeric_limits<double>::infinity())
                                   .scatter_reduce(0, group_of_, scores, "amax");
    const auto of_group = [&](const at::Tensor& values) {
      return values.index_select(0, group_of_);
    };
    const at::Tensor total =
        by_group(0).index_add_(0, group_of_, (scores - of_group(highest)).exp_());
    const at::Tensor log_total = highest + total.log();
    const at::Tensor by_candidate = (scores - of_group(log_total)).exp_().sub_(is_gold_);
    return {(log_total - scores.index_select(0, gold_)).sum(),
            at::zeros_like(log_likelihoods)
                .index_add_(0, targets_, by_candidate.index_select(0, candidate_of_))};
  }

  [[nodiscard]] double count() const override { return static_cast<double>(groups_); }

  [[nodiscard]] std::span<const std::vector<std::int32_t>> coupled() const override {
    return coupled_;
  }

 private:
  std::int64_t groups_;
  std::vector<std::vector<std::int32_t>> coupled_;
  at::Tensor gold_;          // by group: the gold candidate
  at::Tensor group_of_;      // by candidate
  at::Tensor is_gold_;       // by candidate: 1 or 0
  at::Tensor candidate_of_;  // by target of a candidate
  at::Tensor targets_;       // by target of a candidate: its number in the forest
};

}  // namespace

std::unique_ptr<Objective> target_token_objective(const Forest& forest, at::Device device) {
  std::vector<double> weights;
  for (const Target& target : forest.targets) weights.push_back(target.weight);
  return std::make_unique<TargetTokenObjective>(weights, device);
}

std::unique_ptr<Objective> target_token_objective(const PackedForest& packed,
                                                  std::span<const std::int32_t> sequences,
                                                  at::Device device) {
  std::vector<double> weights(packed.forest.targets.size(), 0);
  for (const std::int32_t sequence : sequences) {
    for (const std::int32_t target : packed.targets[sequence]) weights[target] += 1;
  }
  return std::make_unique<TargetTokenObjective>(weights, device);
}

std::unique_ptr<Objective> candidate_objective(std::span<const CandidateGroup> groups,
                                               at::Device device) {
  return std::make_unique<CandidateObjective>(groups, device);
}

}  // namespace incipit::trainer
