#include "trainer/objective.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <numeric>

#include "nn/host_copy.h"
#include "nn/losses.h"

namespace incipit::trainer {
namespace {

class TargetTokenObjective final : public Objective {
 public:
  TargetTokenObjective(const std::vector<double>& weights, at::Device device)
      : weights_(nn::upload(weights, device)),
        uses_all_(std::find(weights.begin(), weights.end(), 0.0) == weights.end()),
        count_(std::accumulate(weights.begin(), weights.end(), 0.0)) {}

  [[nodiscard]] Value evaluate(const at::Tensor& log_likelihoods) const override {
    if (nn::has_loss_kernels(weights_.device())) {
      const auto [loss, gradient] = nn::token_loss(weights_, log_likelihoods);
      return {loss, gradient};
    }
    at::Tensor gradient = -weights_;
    at::Tensor losses = gradient * log_likelihoods;
    if (!uses_all_) losses.masked_fill_(weights_ == 0, 0);  // others' may not be finite
    return {losses.sum(), gradient};
  }

  [[nodiscard]] double count() const override { return count_; }

 private:
  at::Tensor weights_;  // per target
  bool uses_all_;       // no weight is 0
  double count_;
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

}  // namespace incipit::trainer
