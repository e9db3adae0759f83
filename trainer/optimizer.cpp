#include "trainer/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>

#include "core/check.h"
#include "nn/ledger.h"
#include "nn/updates.h"

namespace incipit::trainer {
namespace {

// The update of a group of parameters, on their device.
struct Turn {
  double learning_rate = 0;
  at::Tensor rests;  // [] bool: nothing changes
  at::Tensor count;  // [] float64: steps of the group including this one; at least 1

  // Returns [] float64: `value`, or `otherwise` for a group that rests.
  [[nodiscard]] at::Tensor choose(double value, double otherwise) const {
    return at::full({}, value, count.options()).masked_fill_(rests, otherwise);
  }
};

// Parameters with state tensors, and for each group a step count.
class StatefulOptimizer : public Optimizer {
 public:
  StatefulOptimizer(const OptimizerOptions& options, const std::vector<ParameterGroup>& groups,
                    std::vector<double> factors)
      : options_(options), factors_(std::move(factors)) {
    factors_.resize(groups.size(), 1);
    for (const ParameterGroup& group : groups) {
      first_.push_back(parameters_.size());
      parameters_.insert(parameters_.end(), group.begin(), group.end());
    }
    first_.push_back(parameters_.size());
    const at::Device home =
        parameters_.empty() ? at::Device(at::kCPU) : parameters_.front().value.device();
    steps_ = at::zeros({std::ssize(groups)}, at::TensorOptions(home).dtype(at::kLong));
  }

  void step(double learning_rate, const at::Tensor& learns) final {
    if (first_.size() == 1) return;  // there are no groups
    const at::Tensor who =
        learns.defined() ? learns : at::ones_like(steps_, steps_.options().dtype(at::kBool));
    INCIPIT_CHECK(who.sizes() == steps_.sizes());
    const nn::StepCounts counts = nn::count_steps(who, steps_);
    for (std::size_t group = 0; group + 1 < first_.size(); ++group) {
      const auto index = static_cast<std::int64_t>(group);
      const Turn turn{learning_rate * factors_[group], counts.rests.select(0, index),
                      counts.count.select(0, index)};
      for (std::size_t i = first_[group]; i < first_[group + 1]; ++i) {
        INCIPIT_CHECK(parameters_[i].grad.defined(), parameters_[i].name, " has no gradient");
      }
      update(first_[group], first_[group + 1], turn);
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
  // Updates parameters [begin, end), which are a group. Sets the gradients of a group that rests to
  // zeros: they may not be finite.
  virtual void update(std::size_t begin, std::size_t end, const Turn& turn) = 0;

  // Sets the gradients of a group that rests to zeros, where no kernel does.
  void clear_resting(std::size_t begin, std::size_t end, const Turn& turn) const {
    for (std::size_t i = begin; i < end; ++i) {
      at::Tensor(parameters_[i].grad).masked_fill_(turn.rests, 0);
    }
  }

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
  std::vector<double> factors_;     // of the learning rate, by group
  std::vector<std::size_t> first_;  // parameter of each group, and their number
  at::Tensor steps_;
  std::map<std::string, std::vector<at::Tensor>> state_;  // by parameter
};

class AdamW final : public StatefulOptimizer {
 public:
  AdamW(const OptimizerOptions& options, const std::vector<ParameterGroup>& groups,
        std::vector<double> factors)
      : StatefulOptimizer(options, groups, std::move(factors)) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      mean_.push_back(add_state(i, "exp_avg", at::zeros_like(parameters_[i].value)));
      square_.push_back(add_state(i, "exp_avg_sq", at::zeros_like(parameters_[i].value)));
    }
  }

 private:
  // Uses torch's order of operations, so that rounding is the same.
  void update(std::size_t begin, std::size_t end, const Turn& turn) override {
    while (begin < end && update_by_kernel(begin, turn)) ++begin;
    if (begin == end) return;
    clear_resting(begin, end, turn);
    const at::Tensor keep = turn.choose(1.0 - turn.learning_rate * options_.weight_decay, 1);
    const at::Tensor beta2 = turn.choose(options_.beta2, 1);
    const at::Tensor weight = turn.choose(1.0 - options_.beta1, 0);
    const at::Tensor correction1 = 1.0 - at::pow(options_.beta1, turn.count);
    const at::Tensor correction2 = (1.0 - at::pow(options_.beta2, turn.count)).sqrt_();
    const at::Tensor rate = at::full_like(correction1, -turn.learning_rate)
                                .div_(correction1)
                                .masked_fill_(turn.rests, 0);
    for (std::size_t i = begin; i < end; ++i) {
      const at::Tensor& grad = parameters_[i].grad;
      at::Tensor& value = parameters_[i].value;
      value.mul_(keep);
      mean_[i].lerp_(grad, weight.to(value.scalar_type()));
      square_[i].mul_(beta2).addcmul_(grad, grad, 1.0 - options_.beta2);
      const at::Tensor denominator = square_[i].sqrt().div_(correction2).add_(options_.eps);
      value.addcdiv_(mean_[i] * rate, denominator);
    }
  }

  // Returns false where there is no kernel for it.
  [[nodiscard]] bool update_by_kernel(std::size_t i, const Turn& turn) const {
    return nn::update_adamw({parameters_[i].value, parameters_[i].grad, mean_[i], square_[i],
                             turn.rests, turn.count, turn.learning_rate, options_.beta1,
                             options_.beta2, options_.eps, options_.weight_decay});
  }

  std::vector<at::Tensor> mean_;
  std::vector<at::Tensor> square_;
};

class Sgd final : public StatefulOptimizer {
 public:
  Sgd(const OptimizerOptions& options, const std::vector<ParameterGroup>& groups,
      std::vector<double> factors)
      : StatefulOptimizer(options, groups, std::move(factors)) {
    if (options_.momentum == 0) return;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      velocity_.push_back(add_state(i, "momentum", at::zeros_like(parameters_[i].value)));
    }
  }

 private:
  void update(std::size_t begin, std::size_t end, const Turn& turn) override {
    while (begin < end && update_by_kernel(begin, turn)) ++begin;
    if (begin == end) return;
    clear_resting(begin, end, turn);
    const at::Tensor momentum = turn.choose(options_.momentum, 1);
    for (std::size_t i = begin; i < end; ++i) {
      at::Tensor& value = parameters_[i].value;
      at::Tensor change = parameters_[i].grad;
      if (options_.weight_decay != 0) {
        change = change.add(value, options_.weight_decay).masked_fill_(turn.rests, 0);
      }
      if (options_.momentum != 0) {
        velocity_[i].mul_(momentum).add_(change);
        change = options_.nesterov ? change.add(velocity_[i], options_.momentum) : velocity_[i];
        change = change.masked_fill(turn.rests, 0);
      }
      value.add_(change, -turn.learning_rate);
    }
  }

  [[nodiscard]] bool update_by_kernel(std::size_t i, const Turn& turn) const {
    return nn::update_sgd({.value = parameters_[i].value,
                           .grad = parameters_[i].grad,
                           .velocity = options_.momentum != 0 ? velocity_[i] : at::Tensor(),
                           .rests = turn.rests,
                           .learning_rate = turn.learning_rate,
                           .momentum = options_.momentum,
                           .weight_decay = options_.weight_decay,
                           .nesterov = options_.nesterov});
  }

  std::vector<at::Tensor> velocity_;
};

class Adafactor final : public StatefulOptimizer {
 public:
  Adafactor(const OptimizerOptions& options, const std::vector<ParameterGroup>& groups,
            std::vector<double> factors)
      : StatefulOptimizer(options, groups, std::move(factors)), moments_(parameters_.size()) {
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
  static constexpr double kLeastScale = 1e-3;  // T5X's epsilon2

  // Second moments: `full`, or for a matrix the means over columns and over rows.
  struct Moments {
    at::Tensor row, column, full;
  };

  // How second moments change: [] of the parameters' dtype.
  struct Decay {
    at::Tensor keep;
    at::Tensor add;
    void apply(at::Tensor moments, const at::Tensor& squared) const {
      moments.mul_(keep).addcmul_(squared, add);
    }
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
  at::Tensor scaled(const at::Tensor& grad, const Moments& moments, const Decay& decay) const {
    const at::Tensor squared = grad.square().add_(options_.factored_eps);
    if (moments.full.defined()) {
      decay.apply(moments.full, squared);
      return grad * moments.full.rsqrt();
    }
    decay.apply(moments.row, squared.mean(1));
    decay.apply(moments.column, squared.mean(0));
    const at::Tensor row_factor = (moments.row / moments.row.mean()).rsqrt();
    return grad * row_factor.unsqueeze(1) * moments.column.rsqrt().unsqueeze(0);
  }

  void update(std::size_t begin, std::size_t end, const Turn& turn) override {
    while (begin < end && update_by_kernel(begin, turn)) ++begin;
    if (begin == end) return;
    clear_resting(begin, end, turn);
    const at::Tensor rate = 1.0 - at::pow(turn.count, -options_.decay_rate);
    const at::Tensor keep = turn.choose(1.0 - options_.weight_decay, 1);
    for (std::size_t i = begin; i < end; ++i) {
      at::Tensor& value = parameters_[i].value;
      const Decay decay{rate.masked_fill(turn.rests, 1).to(value.scalar_type()),
                        (1.0 - rate).masked_fill_(turn.rests, 0).to(value.scalar_type())};
      at::Tensor change = scaled(parameters_[i].grad, moments_[i], decay);
      if (options_.clipping_threshold > 0) {
        change.div_(root_mean_square(change).div_(options_.clipping_threshold).clamp_min_(1.0));
      }
      if (options_.multiply_by_parameter_scale) {
        change.mul_(root_mean_square(value).clamp_min_(kLeastScale));
      }
      value.mul_(keep).add_(change.masked_fill_(turn.rests, 0), -turn.learning_rate);
    }
  }

  [[nodiscard]] bool update_by_kernel(std::size_t i, const Turn& turn) const {
    return nn::update_adafactor({parameters_[i].value, parameters_[i].grad, moments_[i].row,
                                 moments_[i].column, moments_[i].full, turn.rests, turn.count,
                                 turn.learning_rate, options_.decay_rate, options_.factored_eps,
                                 options_.weight_decay, options_.clipping_threshold, kLeastScale,
                                 options_.multiply_by_parameter_scale});
  }

  std::vector<Moments> moments_;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          const std::vector<ParameterGroup>& groups,
                                          std::vector<double> factors) {
  INCIPIT_CHECK(factors.empty() || factors.size() == groups.size(), factors.size(), " factors");
  const nn::LedgerScope scope(nn::MemoryKind::kOptimizer);
  switch (options.kind) {
    case OptimizerKind::kAdamW:
      return std::make_unique<AdamW>(options, groups, std::move(factors));
    case OptimizerKind::kAdafactor:
      return std::make_unique<Adafactor>(options, groups, std::move(factors));
    case OptimizerKind::kSgd:
      return std::make_unique<Sgd>(options, groups, std::move(factors));
  }
  throw LogicError("unknown optimizer");
}

}  // namespace incipit::trainer
