#include "model/linear.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

namespace incipit::model {
namespace {

class DenseLinear final : public Linear {
 public:
  DenseLinear(at::Tensor weight, at::Tensor bias)
      : weight_(std::move(weight)), bias_(std::move(bias)) {}

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const override {
    return bias_.defined() ? at::addmm(bias_, x, weight_.t()) : at::mm(x, weight_.t());
  }

  [[nodiscard]] at::Tensor forward_add(const at::Tensor& x,
                                       const at::Tensor& residual) const override {
    at::Tensor y = at::addmm(residual, x, weight_.t());
    if (bias_.defined()) y.add_(bias_);
    return y;
  }

  [[nodiscard]] at::Tensor backward(const at::Tensor& grad) const override {
    return at::mm(grad, weight_);
  }

  [[nodiscard]] std::int64_t bytes() const override {
    return static_cast<std::int64_t>(weight_.nbytes() + (bias_.defined() ? bias_.nbytes() : 0));
  }

  [[nodiscard]] std::vector<at::Tensor> stored() const override {
    return bias_.defined() ? std::vector{weight_, bias_} : std::vector{weight_};
  }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace

std::unique_ptr<Linear> make_dense_linear(at::Tensor weight, at::Tensor bias) {
  return std::make_unique<DenseLinear>(std::move(weight), std::move(bias));
}

}  // namespace incipit::model
