#include "trainer/step.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "model/forest_pass.h"

namespace incipit::trainer {
namespace {

using model::ForestPass;

// The log-likelihoods of all targets of the whole forest, as the parts yield them.
class TargetValues {
 public:
  explicit TargetValues(std::size_t count) : values_(count) {}

  void fill(const ForestPass& pass, std::span<const std::int32_t> target_of) {
    const at::Tensor part = pass.log_likelihoods().to(at::kDouble);
    const double* values = part.const_data_ptr<double>();
    for (std::size_t i = 0; i < target_of.size(); ++i) values_[target_of[i]] = values[i];
  }
  [[nodiscard]] std::span<const double> all() const { return values_; }

 private:
  std::vector<double> values_;
};

std::vector<double> pick(const std::vector<double>& values,
                         std::span<const std::int32_t> target_of) {
  std::vector<double> picked;
  for (const std::int32_t t : target_of) picked.push_back(values[t]);
  return picked;
}

// Branches that share coupled targets with another branch: their log-likelihoods must be
// known before any of them is differentiated.
std::vector<bool> entangled(const ForestCut& cut, const Objective& objective, std::size_t targets) {
  constexpr int kTrunk = -1;
  std::vector<int> branch_of(targets, kTrunk);
  for (std::size_t b = 0; b < cut.branches.size(); ++b) {
    for (const std::int32_t t : cut.branches[b].target_of) branch_of[t] = static_cast<int>(b);
  }
  std::vector<bool> result(cut.branches.size(), false);
  for (const auto& group : objective.coupled()) {
    std::vector<int> branches;
    for (const std::int32_t t : group) {
      if (branch_of[t] != kTrunk) branches.push_back(branch_of[t]);
    }
    const auto differs = [&](int branch) { return branch != branches.front(); };
    if (std::none_of(branches.begin(), branches.end(), differs)) continue;
    for (const int branch : branches) result[branch] = true;
  }
  return result;
}

}  // namespace

StepSums forward_backward(const model::Backbone& backbone, const Forest& forest,
                          const Objective& objective, std::span<const at::Tensor> prompts,
                          std::span<at::Tensor> prompt_gradients, std::int64_t micro_batch_rows) {
  StepSums sums{.loss = 0, .count = objective.count(), .rows = forest.row_count()};
  if (forest.row_count() == 0) return sums;
  const ForestCut cut = cut_below_shared(forest, micro_batch_rows);
  TargetValues likelihoods(forest.targets.size());

  std::optional<ForestPass> trunk;
  model::KeyValueStore* residents = nullptr;
  const bool trunk_learns = !cut.trunk.prompt_spans.empty();
  if (cut.trunk.row_count() > 0) {
    trunk.emplace(backbone, cut.trunk, prompts,
                  model::ForestPassOptions{.for_backward = trunk_learns, .keep_keys_values = true});
    residents = &trunk->keys_values();
    if (trunk_learns) residents->enable_gradients();
    likelihoods.fill(*trunk, cut.trunk_target_of);
  }

  const std::vector<bool> run_ahead = entangled(cut, objective, forest.targets.size());
  for (std::size_t b = 0; b < cut.branches.size(); ++b) {
    if (!run_ahead[b]) continue;
    const auto& branch = cut.branches[b];
    const ForestPass pass(backbone, branch.forest, prompts, {.residents = residents});
    likelihoods.fill(pass, branch.target_of);
  }

  for (const auto& branch : cut.branches) {
    ForestPass pass(backbone, branch.forest, prompts,
                    {.for_backward = true, .residents = residents});
    likelihoods.fill(pass, branch.target_of);
    const auto value = objective.evaluate(likelihoods.all());
    pass.backward(pick(value.gradient, branch.target_of), prompt_gradients);
  }

  const auto value = objective.evaluate(likelihoods.all());
  sums.loss = value.loss;
  if (trunk_learns) trunk->backward(pick(value.gradient, cut.trunk_target_of), prompt_gradients);
  return sums;
}

}  // namespace incipit::trainer
