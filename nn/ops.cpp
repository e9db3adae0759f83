#include "nn/ops.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>

#include "core/check.h"
#include "kernels/cpu/kernels.h"
#include "nn/device_path.h"
#include "nn/meta_device.h"

namespace incipit::nn::ops {
namespace {

// Calls f with a value of the storage type of the tensor's dtype.
template <typename F>
void dispatch(const at::Tensor& x, F&& f) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return f(float{});
    case at::kDouble:
      return f(double{});
    case at::kBFloat16:
      return f(kernels::cpu::BFloat16Bits{});
    case at::kHalf:
      return f(kernels::cpu::Float16Bits{});
    default:
      INCIPIT_CHECK(false, "dtype ", toString(x.scalar_type()));
  }
}

template <typename T>
T* data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

// Returns the rows per task, so that a task is large enough for a thread. A rank's share of a width
// can be 0.
std::int64_t grain(std::int64_t width) {
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, width));
}

// Calls f(storage type, begin, end) for ranges of the rows of x, in parallel. Does nothing for
// tensors without data.
template <typename F>
void for_rows(const at::Tensor& x, std::int64_t width, F&& f) {
  if (x.is_meta()) return;
  dispatch(x, [&](auto storage) {
    at::parallel_for(0, x.size(0), grain(width),
                     [&](std::int64_t begin, std::int64_t end) { f(storage, begin, end); });
  });
}

at::Tensor wide(const at::Tensor& x) { return x.to(accumulate_type(x.scalar_type())); }

using kernels::cuda::Activation;

at::Tensor activate(const DevicePath& path, Activation activation, const at::Tensor& x) {
  const std::int64_t width = activation == Activation::kGeluTanh ? x.size(1) : x.size(1) / 2;
  at::Tensor out = at::empty({x.size(0), width}, x.options());
  launch(path, x, path.kernels->activate,
         kernels::cuda::Activate{activation, x.size(0), width, input_of(x), output_of(out)});
  return out;
}

at::Tensor activate_backward(const DevicePath& path, Activation activation, const at::Tensor& grad,
                             const at::Tensor& x) {
  at::Tensor grad_x = at::empty({x.size(0), x.size(1)}, x.options());
  launch(path, x, path.kernels->activate_backward,
         kernels::cuda::ActivateBackward{activation, grad.size(0), grad.size(1), input_of(grad),
                                         input_of(x), output_of(grad_x)});
  return grad_x;
}

// Returns `count` rows of x; `index` null: the first ones.
at::Tensor gather(const DevicePath& path, const at::Tensor& x, std::int64_t count,
                  const std::int64_t* index) {
  at::Tensor rows = at::empty({count, x.size(1)}, x.options());
  kernels::cuda::GatherRows gather{.rows = count, .columns = 1, .long_row = index};
  gather.column[0].sources[0] = input_of(x);
  gather.column[0].width = x.size(1);
  gather.column[0].to = output_of(rows);
  launch(path, x, path.kernels->gather_rows, gather);
  return rows;
}

}  // namespace

at::ScalarType accumulate_type(at::ScalarType storage) {
  return storage == at::kDouble ? at::kDouble : at::kFloat;
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, at::Tensor& r) {
  const std::int64_t rows = x.size(0);
  const std::int64_t width = x.size(1);
  if (!has_cpu_kernels(x.device())) {
    const at::Tensor wide_x = wide(x);
    r = at::rsqrt((wide_x * wide_x).mean(-1) + eps);
    return (wide_x * r.unsqueeze(-1) * weight).to(x.scalar_type());
  }
  at::Tensor y = at::empty({rows, width}, x.options());
  r = at::empty({rows}, x.options().dtype(accumulate_type(x.scalar_type())));
  for_rows(x, width, [&](auto storage, std::int64_t begin, std::int64_t end) {
    using T = decltype(storage);
    using A = kernels::cpu::Accumulate<T>;
    kernels::cpu::row_kernels<T>().rms_norm(data<T>(x) + begin * x.stride(0), data<A>(weight),
                                            end - begin, width, x.stride(0), static_cast<A>(eps),
                                            data<T>(y) + begin * width, width, data<A>(r) + begin);
  });
  return y;
}

void rms_norm_backward_add(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& r, at::Tensor& grad_x) {
  const std::int64_t width = x.size(1);
  if (!has_cpu_kernels(x.device())) {
    const at::Tensor scaled = wide(grad) * weight;
    const at::Tensor normal = wide(x) * r.unsqueeze(-1);
    const at::Tensor mean = (scaled * normal).mean(-1, /*keepdim=*/true);
    grad_x.add_(((scaled - normal * mean) * r.unsqueeze(-1)).to(grad_x.scalar_type()));
    return;
  }
  INCIPIT_CHECK(grad.is_contiguous() && x.is_contiguous() && grad_x.is_contiguous());
  for_rows(x, width, [&](auto storage, std::int64_t begin, std::int64_t end) {
    using T = decltype(storage);
    using A = kernels::cpu::Accumulate<T>;
    const std::int64_t offset = begin * width;
    kernels::cpu::row_kernels<T>().rms_norm_backward_add(
        data<T>(grad) + offset, data<T>(x) + offset, data<A>(weight), data<A>(r) + begin,
        end - begin, width, data<T>(grad_x) + offset);
  });
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps, at::Tensor& mean, at::Tensor& inverse) {
  auto [y, row_mean, row_inverse] = at::native_layer_norm(wide(x), {x.size(1)}, weight, bias, eps);
  mean = std::move(row_mean);
  inverse = std::move(row_inverse);
  return y.to(x.scalar_type());
}

void layer_norm_backward_add(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& mean, const at::Tensor& inverse,
                             at::Tensor& grad_x) {
  const auto gradients = at::native_layer_norm_backward(
      wide(grad), wide(x), {x.size(1)}, mean, inverse, weight, std::nullopt, {true, false, false});
  grad_x.add_(std::get<0>(gradients).to(grad_x.scalar_type()));
}

void rotate_(at::Tensor x, std::int64_t heads, const at::Tensor& positions,
             const RotaryTable& table, bool back) {
  const std::int64_t head_dim = x.size(1) / heads;
  if (const DevicePath* const path = device_path(x)) {
    launch(*path, x, path->kernels->rotate,
           kernels::cuda::Rotate{x.size(0),
                                 heads,
                                 head_dim,
                                 output_of(x),
                                 {data<std::int32_t>(positions), data<float>(table.cos),
                                  data<float>(table.sin), back ? -1.0F : 1.0F}});
    return;
  }
  if (!has_cpu_kernels(x.device())) {
    const std::int64_t half = head_dim / 2;
    const at::Tensor cos = table.cos.index_select(0, positions).unsqueeze(1);
    at::Tensor sin = table.sin.index_select(0, positions).unsqueeze(1);
    if (back) sin = -sin;
    at::Tensor by_head = x.unflatten(1, {heads, head_dim});
    const at::Tensor first = wide(by_head.narrow(-1, 0, half));
    const at::Tensor second = wide(by_head.narrow(-1, half, half));
    by_head.copy_(at::cat({first * cos - second * sin, second * cos + first * sin}, -1));
    return;
  }
  for_rows(x, x.size(1), [&](auto storage, std::int64_t begin, std::int64_t end) {
    using T = decltype(storage);
    using A = kernels::cpu::Accumulate<T>;
    kernels::cpu::row_kernels<T>().rotate(data<T>(x) + begin * x.stride(0), end - begin,
                                          x.stride(0), heads, head_dim,
                                          data<std::int32_t>(positions) + begin, data<A>(table.cos),
                                          data<A>(table.sin), back ? A(-1) : A(1));
  });
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  if (const DevicePath* const path = device_path(gate_up)) {
    return activate(*path, Activation::kSwiglu, gate_up);
  }
  const std::int64_t rows = gate_up.size(0);
  const std::int64_t width = gate_up.size(1) / 2;
  if (!has_cpu_kernels(gate_up.device())) {
    return at::silu(gate_up.narrow(1, 0, width)) * gate_up.narrow(1, width, width);
  }
  at::Tensor out = at::empty({rows, width}, gate_up.options());
  for_rows(gate_up, width, [&](auto storage, std::int64_t begin, std::int64_t end) {
    using T = decltype(storage);
    kernels::cpu::row_kernels<T>().swiglu(data<T>(gate_up) + begin * 2 * width, end - begin, width,
                                          data<T>(out) + begin * width);
  });
  return out;
}

at::Tensor swiglu_backward(const at::Tensor& grad, const at::Tensor& gate_up) {
  if (const DevicePath* const path = device_path(gate_up)) {
    return activate_backward(*path, Activation::kSwiglu, grad, gate_up);
  }
  const std::int64_t width = gate_up.size(1) / 2;
  if (!has_cpu_kernels(gate_up.device())) {
    const at::Tensor gate = wide(gate_up.narrow(1, 0, width));
    const at::Tensor up = wide(gate_up.narrow(1, width, width));
    const at::Tensor g = wide(grad);
    const at::Tensor sigmoid = at::sigmoid(gate);
    return at::cat({g * up * sigmoid * (1 + gate * (1 - sigmoid)), g * gate * sigmoid}, 1)
        .to(gate_up.scalar_type());
  }
  at::Tensor out = at::empty_like(gate_up);
  for_rows(gate_up, width, [&](auto storage, std::int64_t begin, std::int64_t end) {
    using T = decltype(storage);
    kernels::cpu::row_kernels<T>().swiglu_backward(
        data<T>(grad) + begin * width, data<T>(gate_up) + begin * 2 * width, end - begin, width,
        data<T>(out) + begin * 2 * width);
  });
  return out;
}

at::Tensor gelu_tanh(const at::Tensor& x) {
  const DevicePath* const path = x.is_contiguous() ? device_path(x) : nullptr;
  return path ? activate(*path, Activation::kGeluTanh, x) : at::gelu(x, "tanh");
}

at::Tensor gelu_tanh_backward(const at::Tensor& grad, const at::Tensor& x) {
  const DevicePath* const path = x.is_contiguous() ? device_path(x) : nullptr;
  if (path) return activate_backward(*path, Activation::kGeluTanh, grad, x);
  return at::gelu_backward(grad, x, "tanh");
}

at::Tensor geglu_tanh(const at::Tensor& gate_up) {
  if (const DevicePath* const path = device_path(gate_up)) {
    return activate(*path, Activation::kGegluTanh, gate_up);
  }
  const std::int64_t width = gate_up.size(1) / 2;
  return gelu_tanh(gate_up.narrow(1, 0, width)) * gate_up.narrow(1, width, width);
}

at::Tensor geglu_tanh_backward(const at::Tensor& grad, const at::Tensor& gate_up) {
  if (const DevicePath* const path = device_path(gate_up)) {
    return activate_backward(*path, Activation::kGegluTanh, grad, gate_up);
  }
  const std::int64_t width = gate_up.size(1) / 2;
  const at::Tensor gate = gate_up.narrow(1, 0, width);
  return at::cat(
      {gelu_tanh_backward(grad * gate_up.narrow(1, width, width), gate), grad * gelu_tanh(gate)},
      1);
}

void add_(at::Tensor x, const at::Tensor& y) {
  const DevicePath* const path = device_path(x);
  if (path == nullptr || x.scalar_type() != y.scalar_type()) {
    x.add_(y);
    return;
  }
  kernels::cuda::Input other = input_of(y);
  if (y.dim() == 1) other.stride = 0;
  launch(*path, x, path->kernels->add,
         kernels::cuda::Add{x.size(0), x.size(1), input_of(x), other, output_of(x)});
}

void accumulate_(at::Tensor x, const at::Tensor& y, double factor) {
  const DevicePath* const path = device_path(y);
  if (path == nullptr) {
    x.add_(y, factor);
    return;
  }
  launch(*path, y, path->kernels->accumulate,
         kernels::cuda::Accumulate{x.size(0), x.size(1), input_of(y), static_cast<float>(factor),
                                   output_of(x)});
}

void write_(at::Tensor to, const at::Tensor& from, double factor) {
  const DevicePath* const path = device_path(to);
  if (path == nullptr) {
    to.copy_(factor == 1 ? from : from.mul(factor));
    return;
  }
  launch(*path, to, path->kernels->convert,
         kernels::cuda::Convert{to.size(0), to.size(1), input_of(from), static_cast<float>(factor),
                                output_of(to)});
}

void divide_(at::Tensor x, const at::Tensor& divisor) {
  const DevicePath* const path = device_path(x);
  if (path == nullptr || !x.is_contiguous()) {
    x.div_(divisor);
    return;
  }
  launch(*path, x, path->kernels->divide,
         kernels::cuda::Divide{x.numel(), data<float>(x), data<double>(divisor)});
}

void clear_(at::Tensor x) {
  const DevicePath* const path = device_path(x.device());
  if (path == nullptr) {
    x.zero_();
    return;
  }
  INCIPIT_CHECK(x.is_contiguous());
  launch(*path, x.device(), path->kernels->clear,
         kernels::cuda::Clear{static_cast<std::int64_t>(x.nbytes()), x.data_ptr()});
}

at::Tensor zeros(at::IntArrayRef sizes, const at::TensorOptions& options) {
  at::Tensor x = at::empty(sizes, options);
  clear_(x);
  return x;
}

void mask_rows_(at::Tensor x, const at::Tensor& mask) {
  const DevicePath* const path = device_path(x);
  if (path == nullptr) {
    x.mul_(mask.unsqueeze(1));
    return;
  }
  launch(*path, x, path->kernels->mask_rows,
         kernels::cuda::MaskRows{x.size(0), x.size(1), data<std::int32_t>(mask), output_of(x)});
}

at::Tensor copy_rows(const at::Tensor& x) {
  const DevicePath* const path = device_path(x);
  return path == nullptr ? x.clone() : gather(*path, x, x.size(0), nullptr);
}

at::Tensor select_rows(const at::Tensor& x, const at::Tensor& index) {
  const DevicePath* const path = device_path(x);
  if (path == nullptr) return x.index_select(0, index);
  return gather(*path, x, index.size(0), data<std::int64_t>(index));
}

void put_rows_(at::Tensor to, const at::Tensor& index, const at::Tensor& x) {
  const DevicePath* const path = device_path(x);
  if (path == nullptr || to.scalar_type() != x.scalar_type()) {
    to.index_copy_(0, index, x.to(to.scalar_type()));
    return;
  }
  launch(*path, x, path->kernels->put_rows,
         kernels::cuda::PutRows{x.size(0), x.size(1), data<std::int64_t>(index), input_of(x),
                                output_of(to)});
}

at::Tensor expand_rows(const at::Tensor& x, const at::Tensor& index, std::int64_t rows) {
  const DevicePath* const path = device_path(x);
  if (path == nullptr) return at::zeros({rows, x.size(1)}, x.options()).index_copy_(0, index, x);
  at::Tensor all = at::empty({rows, x.size(1)}, x.options());
  launch(*path, x, path->kernels->expand_rows,
         kernels::cuda::ExpandRows{rows, x.size(1), x.size(0), data<std::int64_t>(index),
                                   input_of(x), output_of(all)});
  return all;
}

at::Tensor softcap_(at::Tensor x, double cap) { return x.div_(cap).tanh_().mul_(cap); }

at::Tensor softcap_slope(const at::Tensor& capped, double cap) {
  const at::Tensor ratio = capped / cap;
  return 1 - ratio * ratio;
}

}  // namespace incipit::nn::ops
