#include "trainer/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"
#include "nn/ledger.h"

namespace incipit::trainer {
namespace {

// Parameters and, for each, a step count and state tensors.
class StatefulOptimizer : public Optimizer {
 public:
  StatefulOptimizer(const OptimizerOptions& options, std::vector<methods::Parameter> parameters)
      : options_(options),
        parameters_(std::move(parameters)),
        steps_(at::zeros({static_cast<std::int64_t>(parameters_.size())}, at::kLong)) {}

  void step(double learning_rate, const std::vector<bool>& learns) final {
    INCIPIT_CHECK(learns.empty() || learns.size() == parameters_.size());
    auto* counts = steps_.mutable_data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (!learns.empty() && !learns[i]) continue;
      INCIPIT_CHECK(parameters_[i].grad.defined(), parameters_[i].name, " has no gradient");
      update(i, learning_rate, static_cast<double>(++counts[i]));
    }
  }

  [[nodiscard]] std::vector<NamedTensor> state() const final {
    std::vector<NamedTensor> all = state_;
    all.push_back({"step", steps_});
    return all;
  }

 protected:
  virtual void update(std::size_t index, double learning_rate, double step) = 0;

  at::Tensor add_state(const methods::Parameter& parameter, const std::string& name,
                       at::Tensor zeros) {
    state_.push_back({parameter.name + "." + name, zeros});
    return zeros;
  }

  OptimizerOptions options_;
  std::vector<methods::Parameter> parameters_;

 private:
  at::Tensor steps_;
  std::vector<NamedTensor> state_;
};

class AdamW final : public StatefulOptimizer {
 public:
  AdamW(const OptimizerOptions& options, std::vector<methods::Parameter> parameters)
      : StatefulOptimizer(options, std::move(parameters)) {
    for (const methods::Parameter& p : parameters_) {
      mean_.push_back(add_state(p, "exp_avg", at::zeros_like(p.value)));
      square_.push_back(add_state(p, "exp_avg_sq", at::zeros_like(p.value)));
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
  Sgd(const OptimizerOptions& options, std::vector<methods::Parameter> parameters)
      : StatefulOptimizer(options, std::move(parameters)) {
    if (options_.momentum == 0) return;
    for (const methods::Parameter& p : parameters_) {
      velocity_.push_back(add_state(p, "momentum", at::zeros_like(p.value)));
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
  Adafactor(const OptimizerOptions& options, std::vector<methods::Parameter> parameters)
      : StatefulOptimizer(options, std::move(parameters)), moments_(parameters_.size()) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const methods::Parameter& p = parameters_[i];
      if (factored(p.value)) {
        moments_[i].row = add_state(p, "v_row", at::zeros({p.value.size(0)}, p.value.options()));
        moments_[i].column = add_state(p, "v_col", at::zeros({p.value.size(1)}, p.value.options()));
      } else {
        moments_[i].full = add_state(p, "v", at::zeros_like(p.value));
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

  static double root_mean_square(const at::Tensor& x) {
    return std::sqrt(x.square().mean().item<double>());
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
      change.div_(std::max(1.0, root_mean_square(change) / options_.clipping_threshold));
    }
    constexpr double kLeastScale = 1e-3;  // T5X's epsilon2
    const double scale =
        options_.multiply_by_parameter_scale ? std::max(root_mean_square(value), kLeastScale) : 1.0;
    value.mul_(1.0 - options_.weight_decay).add_(change, -learning_rate * scale);
  }

  std::vector<Moments> moments_;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          std::vector<methods::Parameter> parameters) {
  const nn::LedgerScope scope(nn::MemoryKind::kOptimizer);
  switch (options.kind) {
    case OptimizerKind::kAdamW:
      return std::make_unique<AdamW>(options, std::move(parameters));
    case OptimizerKind::kAdafactor:
      return std::make_unique<Adafactor>(options, std::move(parameters));
    case OptimizerKind::kSgd:
      return std::make_unique<Sgd>(options, std::move(parameters));
  }
  throw LogicError("unknown optimizer");
}

}  // namespace incipit::trainer
