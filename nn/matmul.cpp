#include "nn/matmul.h"

#include <ATen/Context.h>
#include <ATen/core/List.h>
#include <ATen/core/Scalar.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <optional>

#include "kernels/cpu/instruction_set.h"
#include "kernels/cpu/matmul.h"
#include "nn/flops.h"
#include "nn/ops.h"

namespace incipit::nn {
namespace {

// libtorch's oneDNN, through the operator that torch.compile uses: libtorch does not export
// oneDNN's symbols.
using LinearOperator = at::Tensor(const at::Tensor& x, const at::Tensor& weight,
                                  const std::optional<at::Tensor>& bias, c10::string_view attribute,
                                  c10::List<std::optional<at::Scalar>> scalars,
                                  std::optional<c10::string_view> algorithm);

const std::optional<c10::TypedOperatorHandle<LinearOperator>>& one_dnn() {
  static const auto found = []() -> std::optional<c10::TypedOperatorHandle<LinearOperator>> {
    const auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!at::hasMKLDNN() || !schema) return std::nullopt;
    return schema->typed<LinearOperator>();
  }();
  return found;
}

at::Tensor one_dnn_linear(const at::Tensor& x, const at::Tensor& weight) {
  const c10::List<std::optional<at::Scalar>> no_scalars;
  return one_dnn()->call(x, weight, std::nullopt, "none", no_scalars, "");
}

enum class Route { kAten, kOneDnn, kWiden };

// Reasons and measurements: docs/decisions/0007 (float32) and 0009 (16 bits).
Route route(const at::Tensor& x, const at::Tensor& weight) {
  if (!x.is_cpu() || x.numel() == 0 || weight.numel() == 0 || !weight.is_contiguous()) {
    return Route::kAten;
  }
  switch (x.scalar_type()) {
    case at::kFloat:
      return one_dnn() ? Route::kOneDnn : Route::kAten;
    case at::kBFloat16:
      return kernels::cpu::has_bfloat16_units() ? Route::kAten : Route::kWiden;
    case at::kHalf:
      return Route::kWiden;
    default:
      return Route::kAten;
  }
}

template <typename T>
void widen(const at::Tensor& x, const at::Tensor& weight, bool transposed, at::Tensor& y) {
  const kernels::cpu::MatmulShape<T> shape{
      .rows = x.size(0), .depth = x.size(1), .columns = y.size(1), .x_stride = x.stride(0)};
  const auto* a = static_cast<const T*>(x.const_data_ptr());
  const auto* b = static_cast<const T*>(weight.const_data_ptr());
  auto* c = static_cast<T*>(y.data_ptr());
  transposed ? kernels::cpu::matmul_nt(shape, a, b, c) : kernels::cpu::matmul_nn(shape, a, b, c);
}

// Returns x W^T if `transposed`, else x W.
at::Tensor widen(const at::Tensor& x, const at::Tensor& weight, bool transposed) {
  const at::Tensor rows = x.stride(1) == 1 ? x : x.contiguous();
  at::Tensor y = at::empty({x.size(0), weight.size(transposed ? 0 : 1)}, x.options());
  if (x.scalar_type() == at::kHalf) {
    widen<kernels::cpu::Float16Bits>(rows, weight, transposed, y);
  } else {
    widen<kernels::cpu::BFloat16Bits>(rows, weight, transposed, y);
  }
  return y;
}

// Checks the operands of a matmul and counts its operations.
void start_matmul(const at::Tensor& x, const at::Tensor& weight, int inner) {
  TORCH_CHECK(x.dim() == 2 && weight.dim() == 2 && x.size(1) == weight.size(inner) &&
                  x.scalar_type() == weight.scalar_type() && x.device() == weight.device(),
              "matmul of ", x.sizes(), " ", x.scalar_type(), " and ", weight.sizes(), " ",
              weight.scalar_type());
  count_flops(2.0 * static_cast<double>(x.size(0)) * static_cast<double>(weight.numel()));
}

}  // namespace

at::Tensor matmul_nt(const at::Tensor& x, const at::Tensor& weight) {
  start_matmul(x, weight, 1);
  switch (route(x, weight)) {
    case Route::kAten:
      return at::mm(x, weight.t());
    case Route::kWiden:
      return widen(x, weight, /*transposed=*/true);
    case Route::kOneDnn:
      break;
  }
  // With AVX-512, oneDNN packs the weight first from 16 rows on, which pays off only with more
  // rows. For W x^T it packs the few rows of x instead.
  constexpr std::int64_t kFew = 16, kMany = 96;
  const bool swapped = kernels::cpu::instruction_set() == kernels::cpu::InstructionSet::kAvx512 &&
                       x.size(0) >= kFew && x.size(0) < kMany;
  return swapped ? one_dnn_linear(weight, x.contiguous()).t().contiguous()
                 : one_dnn_linear(x.contiguous(), weight);
}

at::Tensor matmul_nn(const at::Tensor& grad, const at::Tensor& weight) {
  start_matmul(grad, weight, 0);
  switch (route(grad, weight)) {
    case Route::kAten:
      return at::mm(grad, weight);
    case Route::kWiden:
      return widen(grad, weight, /*transposed=*/false);
    case Route::kOneDnn:
      break;
  }
  return one_dnn_linear(grad.contiguous(), weight.t());
}

void write_matmul_nt(at::Tensor to, const at::Tensor& x, const at::Tensor& weight) {
  if (route(x, weight) != Route::kAten) {
    to.copy_(matmul_nt(x, weight));
    return;
  }
  start_matmul(x, weight, 1);
  at::mm_out(to, x, weight.t());
}

void write_matmul_nn(at::Tensor to, const at::Tensor& grad, const at::Tensor& weight) {
  if (route(grad, weight) != Route::kAten) {
    to.copy_(matmul_nn(grad, weight));
    return;
  }
  start_matmul(grad, weight, 0);
  at::mm_out(to, grad, weight);
}

void add_matmul_nt(at::Tensor sum, const at::Tensor& x, const at::Tensor& weight) {
  if (route(x, weight) == Route::kWiden) {
    sum.add_(matmul_nt(x, weight));
    return;
  }
  start_matmul(x, weight, 1);
  sum.addmm_(x, weight.t());
}

void add_matmul_nn(at::Tensor sum, const at::Tensor& grad, const at::Tensor& weight) {
  if (route(grad, weight) == Route::kWiden) {
    sum.add_(matmul_nn(grad, weight));
    return;
  }
  start_matmul(grad, weight, 0);
  sum.addmm_(grad, weight);
}

void add_matmul_tn(at::Tensor sum, const at::Tensor& grad, const at::Tensor& x) {
  count_flops(2.0 * static_cast<double>(grad.numel()) * static_cast<double>(x.size(1)));
  if (grad.scalar_type() == sum.scalar_type()) {
    sum.addmm_(grad.t(), x);
  } else if (!x.is_cpu() || route(grad, x) == Route::kAten) {
    ops::accumulate_(sum, at::mm(grad.t(), x));
  } else {
    sum.addmm_(grad.t().to(sum.scalar_type()), x.to(sum.scalar_type()));
  }
}

}  // namespace incipit::nn
