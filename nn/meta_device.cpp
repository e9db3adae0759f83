#include "nn/meta_device.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/Allocator.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "nn/ledger_allocators.h"

namespace incipit::nn {
namespace {

at::Tensor index_select(const at::Tensor& x, std::int64_t dim, const at::Tensor& index) {
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape[dim < 0 ? dim + x.dim() : dim] = index.numel();
  return at::empty(shape, x.options());
}

at::Tensor& abs_out(const at::Tensor& x, at::Tensor& out) {
  out.resize_(x.sizes());
  return out;
}

// As on the CPU: one mean and one inverse deviation per row.
std::tuple<at::Tensor, at::Tensor, at::Tensor> native_layer_norm(const at::Tensor& x,
                                                                 at::IntArrayRef normalized,
                                                                 const std::optional<at::Tensor>&,
                                                                 const std::optional<at::Tensor>&,
                                                                 double) {
  std::vector<std::int64_t> shape = x.sizes().vec();
  std::fill(shape.end() - static_cast<std::ptrdiff_t>(normalized.size()), shape.end(), 1);
  return {at::empty_like(x), at::empty(shape, x.options()), at::empty(shape, x.options())};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> native_layer_norm_backward(
    const at::Tensor&, const at::Tensor& x, at::IntArrayRef, const at::Tensor&, const at::Tensor&,
    const std::optional<at::Tensor>& weight, const std::optional<at::Tensor>& bias,
    std::array<bool, 3> wanted) {
  const auto like = [](bool is_wanted, const at::Tensor& tensor) {
    return is_wanted ? at::empty_like(tensor) : at::Tensor();
  };
  return {like(wanted[0], x), weight ? like(wanted[1], *weight) : at::Tensor(),
          bias ? like(wanted[2], *bias) : at::Tensor()};
}

torch::Library meta_operators() {
  torch::Library library(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__);
  library.impl("index_select", index_select);
  library.impl("abs.out", abs_out);
  library.impl("native_layer_norm", native_layer_norm);
  library.impl("native_layer_norm_backward", native_layer_norm_backward);
  return library;
}

}  // namespace

void prepare_meta_device() {
  static const torch::Library operators = meta_operators();
  static c10::Allocator* const allocator = [] {
    c10::Allocator* const made = meta_allocator();
    constexpr std::uint8_t kAboveDefault = 1;
    c10::SetAllocator(c10::DeviceType::Meta, made, kAboveDefault);
    return made;
  }();
  static_cast<void>(allocator);
}

}  // namespace incipit::nn
