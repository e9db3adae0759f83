#include "methods/draws.h"

#include <ATen/ops/empty.h>

namespace incipit::methods {
namespace {

template <typename Draw>
at::Tensor filled(at::IntArrayRef shape, at::Device device, const Draw& draw) {
  at::Tensor values = at::empty(shape, at::TensorOptions(device).dtype(at::kFloat));
  if (values.is_meta()) return values;
  auto* out = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) out[i] = static_cast<float>(draw());
  return values;
}

}  // namespace

at::Tensor Draws::normal(at::IntArrayRef shape, double deviation) {
  return filled(shape, device_, [&] { return deviation * random_.normal(); });
}

at::Tensor Draws::uniform(at::IntArrayRef shape, double bound) {
  return filled(shape, device_, [&] { return bound * (2 * random_.uniform() - 1); });
}

}  // namespace incipit::methods
