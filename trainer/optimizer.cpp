#include "trainer/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

#include "core/check.h"
#include "nn/ledger.h"

namespace incipit::trainer {
namespace {

// Parameters with state tensors, and for each group a step count.
class StatefulOptimizer : public Optimizer {
 public:
  StatefulOptimizer(const OptimizerOptions& options, const std::vector<ParameterGroup>& groups)
      : options_(options),
        steps_(at::zeros({static_cast<std::int64_t>(groups.size())}, at::kLong)) {
    for (const ParameterGroup& group : groups) {
      first_.push_back(parameters_.size());
      parameters_.insert(parameters_.end(), group.begin(), group.end());
    }
    first_.push_back(parameters_.size());
  }

  void step(double learning_rate, const std::vector<bool>& learns) final {
    INCIPIT_CHECK(learns.empty() || learns.size() + 1 == first_.size());
    auto* counts = steps_.mutable_data_ptr<std::int64_t>();
    for (std::size_t group = 0; group + 1 < first_.size(); ++group) {
      if (!learns.empty() && !learns[group]) continue;
      ++counts[group];
      for (std::size_t i = first_[group]; i < first_[group + 1]; ++i) {
        INCIPIT_CHECK(parameters_[i].grad.defined(), parameters_[i].name, " has no gradient");
        update(i, learning_rate, static_cast<double>(counts[group]));
      }
    }
  }

  [[nodiscard]] std::vector<OptimizerState> state() const final {
    std::vector<OptimizerState> all;
    for (std::size_t group = 0; group + 1 < first_.size(); ++group) {
      for (const auto& [name, tensors] : state_) {
        const auto begin = tensors.begin();
        all.push_back({name,
                       group,
                       {begin + static_cast<std::ptrdiff_t>(first_[group]),
                        begin + static_cast<std::ptrdiff_t>(first_[group + 1])}});
      }
    }
    return all;
  }
  [[nodiscard]] at::Tensor steps() const final { return steps_; }

 protected:
  virtual void update(std::size_t index, double learning_rate, double step) = 0;

  // Adds a state tensor of parameter `index`.
  at::Tensor add_state(std::size_t index, const std::string& name, at::Tensor zeros) {
    std::vector<at::Tensor>& tensors = state_[name];
    tensors.resize(parameters_.size());
    tensors[index] = zeros;
    return zeros;
  }

  OptimizerOptions options_;
  std::vector<methods::Parameter> parameters_;  // of all groups

 private:
  std::vector<std::size_t> first_;  // parameter of each group, and their number
  at::Tensor steps_;
  std::map<std::string, std::vector<at::Tensor>> state_;  // by parameter
};

class AdamW final : public StatefulOptimizer {
 public:
  AdamW(const OptimizerOptions& options, const std::vector<ParameterGroup>& groups)
      : StatefulOptimizer(options, groups) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      mean_.push_back(add_state(i, "exp_avg", at::zeros_like(parameters_[i].value)));
      square_.push_back(add_state(i, "exp_avg_sq", at::zeros_like(parameters_[i].value)));
    }
  }

 private:
  // Uses torch's order of operations, so that rounding is the same.
  void update(std::size_t i, double learning_rate, double step) override {
    const at::Tensor& grad = parameters_[i].grad;
    at::Tensor& value = parameters_[i].value;
    value.mul_(1.0 - learning_rate * options_.weight_decay);
    mean_[i].lerp_(grad, 1.0 - options_.beta1);
    square_[i].mul_(options_.beta2).addcmul_(grad, grad, 1.0 - options_.beta2);
    const double correction1 = 1.0 - std::pow(options_.beta1, step);
    const double correction2 = 1.0 - std::pow(options_.beta2, step);
    const at::Tensor denominator =
        square_[i].sqrt().div_(std::sqrt(correction2)).add_(options_.eps);
    value.addcdiv_(mean_[i], denominator, -learning_rate / correction1);
  }

  std::vector<at::Tensor> mean_;
  std::vector<at::Tensor> square_;
};

class Sgd final : public StatefulOptimizer {
 public:
  Sgd(const OptimizerOptions& options, const std::vector<ParameterGroup>& groups)
      : StatefulOptimizer(options, groups) {
    if (options_.momentum == 0) return;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      velocity_.push_back(add_state(i, "momentum", at::zeros_like(parameters_[i].value)));
    }
  }

 private:
  void update(std::size_t i, double learning_rate, double /*step*/) override {
    at::Tensor& value = parameters_[i].value;
    at::Tensor grad = parameters_[i].grad;
    if (options_.weight_decay != 0) grad = grad.add(value, options_.weight_decay);
    if (options_.momentum != 0) {
      velocity_[i].mul_(options_.momentum).add_(grad);
      grad = options_.nesterov ? grad.add(velocity_[i], options_.momentum) : velocity_[i];
    }
    value.add_(grad, -learning_rate);
  }

  std::vector<at::Tensor> velocity_;
};

class Adafactor final : public StatefulOptimizer {
 public:
  Adafactor(const OptimizerOptions& options, const std::vector<ParameterGroup>& groups)
      : StatefulOptimizer(options, groups), moments_(parameters_.size()) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const at::Tensor& value = parameters_[i].value;
      if (factored(value)) {
        moments_[i].row = add_state(i, "v_row", at::zeros({value.size(0)}, value.options()));
        moments_[i].column = add_state(i, "v_col", at::zeros({value.size(1)}, value.options()));
      } else {
        moments_[i].full = add_state(i, "v", at::zeros_like(value));
      }
    }
  }

 private:
  // Second moments: `full`, or for a matrix the means over columns and over rows.
  struct Moments {
    at::Tensor row, column, full;
  };

  [[nodiscard]] bool factored(const at::Tensor& value) const {
    return value.dim() == 2 &&
           std::min(value.size(0), value.size(1)) >= options_.min_dim_size_to_factor;
  }

  // [] float64, on the device of x.
  static at::Tensor root_mean_square(const at::Tensor& x) {
    return x.square().mean().to(at::kDouble).sqrt_();
  }

  // Updates the second moments with grad, then returns grad / sqrt(second moments).
  at::Tensor scaled(const at::Tensor& grad, Moments& moments, double decay) const {
    const at::Tensor squared = grad.square().add_(options_.factored_eps);
    if (moments.full.defined()) {
      moments.full.mul_(decay).add_(squared, 1.0 - decay);
      return grad * moments.full.rsqrt();
    }
    moments.row.mul_(decay).add_(squared.mean(1), 1.0 - decay);
    moments.column.mul_(decay).add_(squared.mean(0), 1.0 - decay);
    const at::Tensor row_factor = (moments.row / moments.row.mean()).rsqrt();
    return grad * row_factor.unsqueeze(1) * moments.column.rsqrt().unsqueeze(0);
  }

  void update(std::size_t i, double learning_rate, double step) override {
    at::Tensor& value = parameters_[i].value;
    const double decay = 1.0 - std::pow(step, -options_.decay_rate);
    at::Tensor change = scaled(parameters_[i].grad, moments_[i], decay);
    if (options_.clipping_threshold > 0) {
      change.div_(root_mean_square(change).div_(options_.clipping_threshold).clamp_min_(1.0));
    }
    constexpr double kLeastScale = 1e-3;  // T5X's epsilon2
    if (options_.multiply_by_parameter_scale) {
      change.mul_(root_mean_square(value).clamp_min_(kLeastScale));
    }
    value.mul_(1.0 - options_.weight_decay).add_(change, -learning_rate);
  }

  std::vector<Moments> moments_;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          const std::vector<ParameterGroup>& groups) {
  const nn::LedgerScope scope(nn::MemoryKind::kOptimizer);
  switch (options.kind) {
    case OptimizerKind::kAdamW:
      return std::make_unique<AdamW>(options, groups);
    case OptimizerKind::kAdafactor:
      return std::make_unique<Adafactor>(options, groups);
    case OptimizerKind::kSgd:
      return std::make_unique<Sgd>(options, groups);
  }
  throw LogicError("unknown optimizer");
}

}  // namespace incipit::trainer
