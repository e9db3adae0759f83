// Row kernels on plain memory, compiled once per instruction set and selected at run time.
//
// This header and its implementation include nothing from torch or the C++ library that has inline
// functions: the linker must never keep a copy compiled for AVX-512 for use by other code.
//
// T is the storage type; arithmetic is in float (double for double). bfloat16 and float16 are
// passed as their 16 bits.
#pragma once

#include <stdint.h>

namespace incipit::kernels::cpu {

struct BFloat16Bits {
  uint16_t bits;
};
struct Float16Bits {
  uint16_t bits;
};

template <typename T>
struct AccumulateType {
  using type = float;
};
template <>
struct AccumulateType<double> {
  using type = double;
};
template <typename T>
using Accumulate = typename AccumulateType<T>::type;

template <typename T>
struct RowKernels {
  using A = Accumulate<T>;

  // y = x * r * weight, with r = 1 / sqrt(mean(x^2) + eps) per row of `width` numbers. Writes r
  // too. Rows of x are `x_stride` apart, rows of y `y_stride`.
  void (*rms_norm)(const T* x, const A* weight, int64_t rows, int64_t width, int64_t x_stride,
                   A eps, T* y, int64_t y_stride, A* r);
  // grad_x += the gradient of rms_norm at x times g.
  void (*rms_norm_backward_add)(const T* g, const T* x, const A* weight, const A* r, int64_t rows,
                                int64_t width, T* grad_x);

  // Rotates `heads` heads of `head_dim` in place (halves layout). Tables are
  // [positions, head_dim / 2]; sign -1 rotates back.
  void (*rotate)(T* x, int64_t rows, int64_t stride, int64_t heads, int64_t head_dim,
                 const int32_t* positions, const A* cos, const A* sin, A sign);

  // out = silu(gate) * up. gate_up is [rows, 2 width]: gate | up.
  void (*swiglu)(const T* gate_up, int64_t rows, int64_t width, T* out);
  void (*swiglu_backward)(const T* g, const T* gate_up, int64_t rows, int64_t width,
                          T* grad_gate_up);
};

// The steps of attention between the matmuls. A is float or double.
template <typename A>
struct AttentionKernels {
  // s = cap * tanh(s / cap).
  void (*softcap)(A* s, int64_t count, A cap);
  // Per row: p = exp(s - max) over columns [begin[row], end[row]), 0 outside of them. Writes the
  // log of the sum plus max to lse[row], and 1 / sum to inverse[row].
  void (*softmax)(A* s, int64_t rows, int64_t columns, int64_t stride, const int64_t* begin,
                  const int64_t* end, A* lse, A* inverse);
  // Per row: s becomes p = exp(s - lse) (0 outside of the same columns); dp becomes
  // p * (dp - delta) * scale, times the slope of the softcap unless `cap` is 0.
  void (*softmax_backward)(A* s, A* dp, int64_t rows, int64_t columns, int64_t stride,
                           const int64_t* begin, const int64_t* end, const A* lse, const A* delta,
                           A scale, A cap);
};

struct Kernels {
  RowKernels<float> float32;
  RowKernels<BFloat16Bits> bfloat16;
  RowKernels<Float16Bits> float16;
  RowKernels<double> float64;
  AttentionKernels<float> attention32;
  AttentionKernels<double> attention64;
};

// The kernels of instruction_set() (kernels/cpu/instruction_set.h).
const Kernels& kernels();

template <typename T>
const RowKernels<T>& row_kernels();
template <typename A>
const AttentionKernels<A>& attention_kernels();

}  // namespace incipit::kernels::cpu
