// Compiled several times with different -march flags; see CMakeLists.txt. Plain loops that the
// compiler vectorises.
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/storage.h"

namespace incipit::kernels::cpu::INCIPIT_KERNEL_ARCH {
namespace {

inline double exponential(double x) { return __builtin_exp(x); }
// Returns exp(x) to about one unit in the last place: 2^n times a polynomial on
// [-ln 2 / 2, ln 2 / 2] (the Taylor series, whose error there is below 2^-25).
inline float exponential(float x) {
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float scaled = x * 1.44269504F;
  const int32_t n = static_cast<int32_t>(scaled + (scaled < 0 ? -0.5F : 0.5F));
  const float whole = static_cast<float>(n);
  float r = x - whole * 0.693145752F;
  r = r - whole * 1.42860677e-6F;
  float p = 1.98412698e-4F;
  p = p * r + 1.38888889e-3F;
  p = p * r + 8.33333333e-3F;
  p = p * r + 4.16666667e-2F;
  p = p * r + 1.66666667e-1F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * __builtin_bit_cast(float, (n + 127) << 23);
}

inline double hyperbolic_tangent(double x) { return __builtin_tanh(x); }
// Returns tanh(x) to a few units in the last place: the Taylor series near 0, where the exponential
// would cancel.
inline float hyperbolic_tangent(float x) {
  const float size = x < 0 ? -x : x;
  const float decay = exponential(-2 * size);
  const float far = (1 - decay) / (1 + decay);
  const float square = x * x;
  float series = -1382.0F / 155925.0F;
  series = series * square + 62.0F / 2835.0F;
  series = series * square - 17.0F / 315.0F;
  series = series * square + 2.0F / 15.0F;
  series = series * square - 1.0F / 3.0F;
  const float near = x + x * square * series;
  return size < 0.35F ? near : (x < 0 ? -far : far);
}

inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }

template <typename T>
void rms_norm(const T* x, const Accumulate<T>* weight, int64_t rows, int64_t width,
              int64_t x_stride, Accumulate<T> eps, T* y, int64_t y_stride, Accumulate<T>* r) {
  using A = Accumulate<T>;
  for (int64_t row = 0; row < rows; ++row, x += x_stride, y += y_stride) {
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) sum += load(x[i]) * load(x[i]);
    const A inverse = 1 / square_root(sum / static_cast<A>(width) + eps);
    r[row] = inverse;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) store(y[i], load(x[i]) * inverse * weight[i]);
  }
}

template <typename T>
void rms_norm_backward_add(const T* g, const T* x, const Accumulate<T>* weight,
                           const Accumulate<T>* r, int64_t rows, int64_t width, T* grad_x) {
  using A = Accumulate<T>;
  for (int64_t row = 0; row < rows; ++row, g += width, x += width, grad_x += width) {
    A dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < width; ++i) dot += load(g[i]) * weight[i] * load(x[i]);
    const A inverse = r[row];
    const A slope = dot * inverse * inverse * inverse / static_cast<A>(width);
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      store(grad_x[i], load(grad_x[i]) + load(g[i]) * weight[i] * inverse - load(x[i]) * slope);
    }
  }
}

// 16-bit numbers are widened into buffers of this many numbers, and the results rounded.
constexpr int64_t kChunk = 256;
template <typename T>
constexpr bool kIs16Bit = sizeof(T) == 2;
constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

template <typename A>
inline void rotate_pairs(A* __restrict first, A* __restrict second, const A* cos, const A* sin,
                         A sign, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const A a = first[i];
    const A b = second[i];
    const A turn = sin[i] * sign;
    first[i] = a * cos[i] - b * turn;
    second[i] = b * cos[i] + a * turn;
  }
}

template <typename T>
inline void rotate_head(T* x, const Accumulate<T>* cos, const Accumulate<T>* sin,
                        Accumulate<T> sign, int64_t half) {
  if constexpr (kIs16Bit<T>) {
    float first[kChunk];
    float second[kChunk];
    for (int64_t i = 0; i < half; i += kChunk) {
      const int64_t count = smaller(kChunk, half - i);
      widen(x + i, count, first);
      widen(x + half + i, count, second);
      rotate_pairs(first, second, cos + i, sin + i, sign, count);
      narrow(first, count, x + i);
      narrow(second, count, x + half + i);
    }
  } else {
    rotate_pairs(x, x + half, cos, sin, sign, half);
  }
}

template <typename T>
void rotate(T* x, int64_t rows, int64_t stride, int64_t heads, int64_t head_dim,
            const int32_t* positions, const Accumulate<T>* cos, const Accumulate<T>* sin,
            Accumulate<T> sign) {
  const int64_t half = head_dim / 2;
  for (int64_t row = 0; row < rows; ++row, x += stride) {
    const int64_t angle = positions[row] * half;
    for (int64_t head = 0; head < heads; ++head) {
      rotate_head(x + head * head_dim, cos + angle, sin + angle, sign, half);
    }
  }
}

template <typename A>
inline void swiglu_numbers(const A* __restrict gate, const A* __restrict up, int64_t count,
                           A* __restrict out) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const A z = gate[i];
    out[i] = z / (1 + exponential(-z)) * up[i];
  }
}

template <typename T>
void swiglu(const T* gate_up, int64_t rows, int64_t width, T* out) {
  for (int64_t row = 0; row < rows; ++row, gate_up += 2 * width, out += width) {
    if constexpr (kIs16Bit<T>) {
      float gate[kChunk];
      float up[kChunk];
      float product[kChunk];
      for (int64_t i = 0; i < width; i += kChunk) {
        const int64_t count = smaller(kChunk, width - i);
        widen(gate_up + i, count, gate);
        widen(gate_up + width + i, count, up);
        swiglu_numbers(gate, up, count, product);
        narrow(product, count, out + i);
      }
    } else {
      swiglu_numbers(gate_up, gate_up + width, width, out);
    }
  }
}

template <typename T>
void swiglu_backward(const T* g, const T* gate_up, int64_t rows, int64_t width, T* grad) {
  using A = Accumulate<T>;
  for (int64_t row = 0; row < rows; ++row, g += width, gate_up += 2 * width, grad += 2 * width) {
    const T* __restrict gate = gate_up;
    const T* __restrict up = gate_up + width;
    const T* __restrict dy = g;
    T* __restrict grad_gate = grad;
    T* __restrict grad_up = grad + width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      const A z = load(gate[i]);
      const A sigmoid = 1 / (1 + exponential(-z));
      const A d = load(dy[i]);
      store(grad_gate[i], d * load(up[i]) * sigmoid * (1 + z * (1 - sigmoid)));
      store(grad_up[i], d * z * sigmoid);
    }
  }
}

template <typename A>
void softcap(A* s, int64_t count, A cap) {
  const A inverse = 1 / cap;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) s[i] = cap * hyperbolic_tangent(s[i] * inverse);
}

template <typename A>
inline void clear(A* s, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) s[i] = 0;
}

template <typename A>
void softmax(A* s, int64_t rows, int64_t columns, int64_t stride, const int64_t* begin,
             const int64_t* end, A* lse, A* inverse) {
  for (int64_t row = 0; row < rows; ++row, s += stride) {
    const int64_t first = begin[row];
    const int64_t last = end[row];
    A top = s[first];
#pragma omp simd reduction(max : top)
    for (int64_t i = first; i < last; ++i) top = s[i] > top ? s[i] : top;
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = first; i < last; ++i) {
      const A p = exponential(s[i] - top);
      s[i] = p;
      sum += p;
    }
    clear(s, 0, first);
    clear(s, last, columns);
    lse[row] = top + static_cast<A>(__builtin_log(static_cast<double>(sum)));
    inverse[row] = 1 / sum;
  }
}

// `inverse_cap` is used only if `capped`.
template <bool capped, typename A>
inline void softmax_backward_row(A* __restrict s, A* __restrict dp, int64_t begin, int64_t end,
                                 A lse, A delta, A scale, A inverse_cap) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const A p = exponential(s[i] - lse);
    A slope = scale;
    if constexpr (capped) slope *= 1 - s[i] * inverse_cap * (s[i] * inverse_cap);
    s[i] = p;
    dp[i] = p * (dp[i] - delta) * slope;
  }
}

template <typename A>
void softmax_backward(A* s, A* dp, int64_t rows, int64_t columns, int64_t stride,
                      const int64_t* begin, const int64_t* end, const A* lse, const A* delta,
                      A scale, A cap) {
  for (int64_t row = 0; row < rows; ++row, s += stride, dp += stride) {
    const int64_t first = begin[row];
    const int64_t last = end[row];
    if (cap == 0) {
      softmax_backward_row<false>(s, dp, first, last, lse[row], delta[row], scale, A(0));
    } else {
      softmax_backward_row<true>(s, dp, first, last, lse[row], delta[row], scale, 1 / cap);
    }
    clear(s, 0, first);
    clear(dp, 0, first);
    clear(s, last, columns);
    clear(dp, last, columns);
  }
}

template <typename T>
constexpr RowKernels<T> rows() {
  return {rms_norm<T>, rms_norm_backward_add<T>, rotate<T>, swiglu<T>, swiglu_backward<T>};
}

}  // namespace

// NOLINTNEXTLINE(misc-use-internal-linkage): dispatch.cpp declares it
extern const Kernels kTable;
const Kernels kTable{rows<float>(),
                     rows<BFloat16Bits>(),
                     rows<Float16Bits>(),
                     rows<double>(),
                     {softcap<float>, softmax<float>, softmax_backward<float>},
                     {softcap<double>, softmax<double>, softmax_backward<double>}};

}  // namespace incipit::kernels::cpu::INCIPIT_KERNEL_ARCH
