// Normalisation over the last dimension.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/kinds.h"
#include "nn/parameter.h"

namespace incipit::nn {

struct DevicePath;

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
  // Sets `sum` to y + residual, and returns forward(sum). May overwrite y. All are contiguous.
  [[nodiscard]] at::Tensor forward_sum(at::Tensor y, const at::Tensor& residual, at::Tensor& sum,
                                       NormStatistics& statistics) const;
  // Normalises every head of x [rows, heads * width] separately, in place; rows may be strided.
  void forward_heads(at::Tensor x) const;
  // Replaces the gradient of forward_heads() with that at x, its input. grad [rows, heads * width],
  // rows may be strided.
  void backward_heads(at::Tensor grad, const at::Tensor& x) const;
  // Sets grad_x to the gradient at x, as backward_add() adds it.
  void backward(const at::Tensor& grad, const at::Tensor& x, const NormStatistics& statistics,
                at::Tensor grad_x) const;
  // grad_x += the gradient at x. All are [rows, width], contiguous. If the norm is trained, adds
  // the gradients of weight and bias.
  void backward_add(const at::Tensor& grad, const at::Tensor& x, const NormStatistics& statistics,
                    at::Tensor& grad_x) const;

 private:
  // What normalised numbers are multiplied by.
  [[nodiscard]] at::Tensor factors() const;
  [[nodiscard]] double offset() const { return kind_ == NormKind::kRmsOffset ? 1 : 0; }
  // The kernels of a GPU. `groups` heads of a row are normalised separately.
  at::Tensor launch_forward(const DevicePath& path, const at::Tensor& x, const at::Tensor& residual,
                            const at::Tensor& sum, const at::Tensor& y, std::int64_t groups,
                            NormStatistics& statistics) const;
  void launch_backward(const DevicePath& path, const at::Tensor& grad, const at::Tensor& x,
                       const NormStatistics& statistics, const at::Tensor& grad_x,
                       std::int64_t groups, bool add) const;
  void add_gradient(const at::Tensor& grad, const at::Tensor& x,
                    const NormStatistics& statistics) const;

  NormKind kind_ = NormKind::kRms;
  const Parameter* weight_ = nullptr;
  const Parameter* bias_ = nullptr;
  double eps_ = 0;
};

}  // namespace incipit::nn
