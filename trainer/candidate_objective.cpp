#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/scatter_reduce.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "nn/host_copy.h"
#include "nn/losses.h"
#include "trainer/objective.h"

namespace incipit::trainer {
namespace {

// Candidates of all groups are numbered one after the other.
class CandidateObjective : public Objective {
 public:
  [[nodiscard]] double count() const override { return static_cast<double>(coupled_.size()); }

  [[nodiscard]] std::span<const std::vector<std::int32_t>> coupled() const override {
    return coupled_;
  }

 protected:
  explicit CandidateObjective(std::span<const CandidateGroup> groups) {
    for (const CandidateGroup& group : groups) {
      INCIPIT_CHECK(group.gold >= 0 && group.gold < static_cast<int>(group.candidates.size()),
                    "gold candidate ", group.gold, " of ", group.candidates.size());
      auto& coupled = coupled_.emplace_back();
      for (const std::vector<std::int32_t>& targets : group.candidates) {
        coupled.insert(coupled.end(), targets.begin(), targets.end());
      }
    }
  }

 private:
  std::vector<std::vector<std::int32_t>> coupled_;
};

// By libtorch's operations. The targets of all candidates are numbered too.
class ComposedCandidates final : public CandidateObjective {
 public:
  ComposedCandidates(std::span<const CandidateGroup> groups, at::Device device)
      : CandidateObjective(groups), groups_(static_cast<std::int64_t>(groups.size())) {
    std::vector<std::int64_t> gold, group_of, candidate_of, targets;
    std::vector<double> is_gold;
    for (std::size_t group = 0; group < groups.size(); ++group) {
      gold.push_back(static_cast<std::int64_t>(group_of.size()) + groups[group].gold);
      for (const std::vector<std::int32_t>& of_candidate : groups[group].candidates) {
        const auto candidate = static_cast<std::int64_t>(group_of.size());
        group_of.push_back(static_cast<std::int64_t>(group));
        is_gold.push_back(candidate == gold.back() ? 1 : 0);
        targets.insert(targets.end(), of_candidate.begin(), of_candidate.end());
        candidate_of.insert(candidate_of.end(), of_candidate.size(), candidate);
      }
    }
    gold_ = nn::upload(gold, device);
    group_of_ = nn::upload(group_of, device);
    candidate_of_ = nn::upload(candidate_of, device);
    targets_ = nn::upload(targets, device);
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

 private:
  std::int64_t groups_;
  at::Tensor gold_;          // by group: the gold candidate
  at::Tensor group_of_;      // by candidate
  at::Tensor is_gold_;       // by candidate: 1 or 0
  at::Tensor candidate_of_;  // by target of a candidate
  at::Tensor targets_;       // by target of a candidate: its number in the forest
};

// Appends to `first` where the next list begins in `all`, of lists that follow each other.
template <typename T>
void end_list(std::vector<std::int32_t>& first, const std::vector<T>& all) {
  first.push_back(static_cast<std::int32_t>(all.size()));
}

// By one kernel of a GPU.
class KernelCandidates final : public CandidateObjective {
 public:
  KernelCandidates(std::span<const CandidateGroup> groups, at::Device device)
      : CandidateObjective(groups) {
    std::vector<std::int32_t> gold, target_of, first_target{0}, first_candidate{0};
    std::vector<std::vector<std::int32_t>> candidates_of;  // by target
    for (const CandidateGroup& group : groups) {
      const std::int32_t first = first_candidate.back();
      gold.push_back(first + group.gold);
      first_candidate.push_back(first + static_cast<std::int32_t>(group.candidates.size()));
      for (const std::vector<std::int32_t>& targets : group.candidates) {
        const auto candidate = static_cast<std::int32_t>(first_target.size()) - 1;
        for (const std::int32_t target : targets) {
          target_of.push_back(target);
          const auto used = static_cast<std::size_t>(target) + 1;
          candidates_of.resize(std::max(candidates_of.size(), used));
          candidates_of[target].push_back(candidate);
        }
        end_list(first_target, target_of);
      }
    }
    std::vector<std::int32_t> candidate_of, first_use{0};
    for (const std::vector<std::int32_t>& candidates : candidates_of) {
      candidate_of.insert(candidate_of.end(), candidates.begin(), candidates.end());
      end_list(first_use, candidate_of);
    }
    const auto index = [&](const std::vector<std::int32_t>& numbers) {
      return nn::upload(numbers, device);
    };
    index_ = {index(gold),      index(first_candidate), index(first_target),
              index(target_of), index(first_use),       index(candidate_of)};
  }

  [[nodiscard]] Value evaluate(const at::Tensor& log_likelihoods) const override {
    const auto [loss, gradient] = nn::candidate_loss(index_, log_likelihoods);
    return {loss, gradient};
  }

 private:
  nn::CandidateIndex index_;
};

}  // namespace

std::unique_ptr<Objective> candidate_objective(std::span<const CandidateGroup> groups,
                                               at::Device device) {
  if (nn::has_loss_kernels(device)) return std::make_unique<KernelCandidates>(groups, device);
  return std::make_unique<ComposedCandidates>(groups, device);
}

}  // namespace incipit::trainer
