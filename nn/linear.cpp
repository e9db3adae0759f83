#include "nn/linear.h"

#include "nn/collectives.h"
#include "nn/matmul.h"

namespace incipit::nn {
namespace {

class DenseLinear final : public Linear {
 public:
  DenseLinear(at::Tensor weight, at::Tensor bias)
      : weight_(std::move(weight)), bias_(std::move(bias)) {}

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const override {
    at::Tensor y = matmul_nt(x, weight_);
    return bias_.defined() ? y.add_(bias_) : y;
  }

  [[nodiscard]] at::Tensor forward_add(const at::Tensor& x,
                                       const at::Tensor& residual) const override {
    return forward(x).add_(residual);
  }

  [[nodiscard]] at::Tensor backward(const at::Tensor& grad) const override {
    return matmul_nn(grad, weight_);
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

class ColumnParallel final : public Linear {
 public:
  ColumnParallel(at::Tensor weight, at::Tensor bias, comm::Communicator& ranks)
      : own_(std::move(weight), std::move(bias)), ranks_(ranks) {}

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const override { return own_.forward(x); }
  [[nodiscard]] at::Tensor forward_add(const at::Tensor& x,
                                       const at::Tensor& residual) const override {
    return own_.forward_add(x, residual);
  }
  [[nodiscard]] at::Tensor backward(const at::Tensor& grad) const override {
    at::Tensor grad_x = own_.backward(grad);
    sum_over(ranks_, grad_x, "gradient of a layer's input");
    return grad_x;
  }
  [[nodiscard]] std::int64_t bytes() const override { return own_.bytes(); }
  [[nodiscard]] std::vector<at::Tensor> stored() const override { return own_.stored(); }

 private:
  DenseLinear own_;
  comm::Communicator& ranks_;
};

class RowParallel final : public Linear {
 public:
  RowParallel(at::Tensor weight, at::Tensor bias, comm::Communicator& ranks)
      : own_(std::move(weight), {}), bias_(std::move(bias)), ranks_(ranks) {}

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const override {
    at::Tensor y = own_.forward(x);
    sum_over(ranks_, y, "output of a layer");
    if (bias_.defined()) y.add_(bias_);
    return y;
  }
  [[nodiscard]] at::Tensor forward_add(const at::Tensor& x,
                                       const at::Tensor& residual) const override {
    return forward(x).add_(residual);
  }
  [[nodiscard]] at::Tensor backward(const at::Tensor& grad) const override {
    return own_.backward(grad);
  }
  [[nodiscard]] std::int64_t bytes() const override {
    return own_.bytes() + (bias_.defined() ? static_cast<std::int64_t>(bias_.nbytes()) : 0);
  }
  [[nodiscard]] std::vector<at::Tensor> stored() const override {
    std::vector<at::Tensor> all = own_.stored();
    if (bias_.defined()) all.push_back(bias_);
    return all;
  }

 private:
  DenseLinear own_;
  at::Tensor bias_;
  comm::Communicator& ranks_;
};

}  // namespace

std::unique_ptr<Linear> make_dense_linear(at::Tensor weight, at::Tensor bias) {
  return std::make_unique<DenseLinear>(std::move(weight), std::move(bias));
}

std::unique_ptr<Linear> make_column_parallel(at::Tensor weight, at::Tensor bias,
                                             comm::Communicator& ranks) {
  if (ranks.size() == 1) return make_dense_linear(std::move(weight), std::move(bias));
  return std::make_unique<ColumnParallel>(std::move(weight), std::move(bias), ranks);
}

std::unique_ptr<Linear> make_row_parallel(at::Tensor weight, at::Tensor bias,
                                          comm::Communicator& ranks) {
  if (ranks.size() == 1) return make_dense_linear(std::move(weight), std::move(bias));
  return std::make_unique<RowParallel>(std::move(weight), std::move(bias), ranks);
}

}  // namespace incipit::nn
