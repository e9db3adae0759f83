// Normalisation over the last dimension.
#pragma once

#include <ATen/core/Tensor.h>

#include "nn/kinds.h"
#include "nn/parameter.h"

namespace incipit::nn {

// What backward needs from forward, per row.
struct NormStatistics {
  at::Tensor mean;     // kLayer only
  at::Tensor inverse;  // 1 / sqrt(mean square or variance + eps)
};

// The input of a norm, and its statistics.
struct NormRecord {
  at::Tensor input;
  NormStatistics statistics;
};

class Norm {
 public:
  Norm() = default;
  // `weight` and `bias` (kLayer only, else null) [width] have the accumulate type and must outlive
  // the object.
  Norm(NormKind kind, const Parameter& weight, const Parameter* bias, double eps)
      : kind_(kind), weight_(&weight), bias_(bias), eps_(eps) {}

  // x [rows, width], rows may be strided. Sets `statistics`.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, NormStatistics& statistics) const;
  // grad_x += the gradient at x. All are [rows, width], contiguous. If the norm is trained, adds
  // the gradients of weight and bias.
  void backward_add(const at::Tensor& grad, const at::Tensor& x, const NormStatistics& statistics,
                    at::Tensor& grad_x) const;

 private:
  // What normalised numbers are multiplied by.
  [[nodiscard]] at::Tensor factors() const;
  void add_gradient(const at::Tensor& grad, const at::Tensor& x,
                    const NormStatistics& statistics) const;

  NormKind kind_ = NormKind::kRms;
  const Parameter* weight_ = nullptr;
  const Parameter* bias_ = nullptr;
  double eps_ = 0;
};

}  // namespace incipit::nn
