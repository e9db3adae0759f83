#include "model/matmul.h"

#include <ATen/Context.h>
#include <ATen/core/List.h>
#include <ATen/core/Scalar.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/mm.h>

#include <optional>

namespace incipit::model {
namespace {

// In float32 ATen's mm is MKL, which on AMD's processors does without AVX-512; libtorch's oneDNN
// does not. It is reached through the operator that torch.compile uses. bench/matmul.py compares
// the routes.
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

bool suits_one_dnn(const at::Tensor& x, const at::Tensor& weight) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.numel() > 0 && weight.numel() > 0 &&
         weight.is_contiguous() && one_dnn();
}

}  // namespace

at::Tensor matmul_nt(const at::Tensor& x, const at::Tensor& weight) {
  if (!suits_one_dnn(x, weight)) return at::mm(x, weight.t());
  // From 16 rows on it brings a weight into its own order first, which only pays with more rows;
  // in W x^T the few rows are what it orders.
  constexpr std::int64_t kFew = 16, kMany = 96;
  const bool swapped = x.size(0) >= kFew && x.size(0) < kMany;
  return swapped ? one_dnn_linear(weight, x.contiguous()).t().contiguous()
                 : one_dnn_linear(x.contiguous(), weight);
}

at::Tensor matmul_nn(const at::Tensor& grad, const at::Tensor& weight) {
  if (!suits_one_dnn(grad, weight)) return at::mm(grad, weight);
  return one_dnn_linear(grad.contiguous(), weight.t());
}

}  // namespace incipit::model
