// Loads and stores of numbers of a storage type; arithmetic is in float32 (float64 for float64).
// Included only by files that are compiled once per instruction set: everything here has internal
// linkage in the namespace of that instruction set. Plain arithmetic, the same on every processor,
// that the compiler vectorises.
#pragma once

#include "kernels/cpu/kernels.h"

#if defined(__F16C__)
#include <immintrin.h>  // float16 from and to float32: the compiler vectorises neither
#endif

namespace incipit::kernels::cpu::INCIPIT_KERNEL_ARCH {
namespace {

inline float load(float x) { return x; }
inline double load(double x) { return x; }
inline float load(BFloat16Bits x) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(x.bits) << 16);
}
// Multiplying by 2^112 converts the exponent bias from float16 to float32, also for subnormals.
inline float load(Float16Bits x) {
  const uint32_t magnitude = static_cast<uint32_t>(x.bits & 0x7fffU) << 13;
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000U) << 16;
  const float scaled = __builtin_bit_cast(float, magnitude) * 0x1p112F;
  const uint32_t special = magnitude >= 0x0f800000U ? 0x7f800000U : 0U;  // infinity or NaN
  return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, scaled) | special | sign);
}

// Rounds to nearest, ties to even; NaN stays NaN.
inline void store(float& y, float x) { y = x; }
inline void store(double& y, double x) { y = x; }
inline void store(BFloat16Bits& y, float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  y.bits = static_cast<uint16_t>(x != x ? 0x7fc0U : rounded);
}
inline void store(Float16Bits& y, float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t sign = (bits >> 16) & 0x8000U;
  const uint32_t magnitude = bits & 0x7fffffffU;
  // Subnormal result: adding 0.5 makes float32 rounding round at float16's last place.
  const float shifted = __builtin_bit_cast(float, magnitude) + 0.5F;
  const uint32_t subnormal = __builtin_bit_cast(uint32_t, shifted) - 0x3f000000U;
  const uint32_t normal = (magnitude - 0x38000000U + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
  uint32_t rounded = magnitude < 0x38800000U ? subnormal : normal;
  rounded = magnitude >= 0x47800000U ? 0x7c00U : rounded;  // 2^16 and more
  rounded = magnitude > 0x7f800000U ? 0x7e00U : rounded;
  y.bits = static_cast<uint16_t>(rounded | sign);
}

// Converts `count` numbers from their storage type.
template <typename T>
void widen(const T* __restrict x, int64_t count, float* __restrict y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) y[i] = load(x[i]);
}
// Rounds `count` numbers to their storage type.
template <typename T>
void narrow(const float* __restrict x, int64_t count, T* __restrict y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) store(y[i], x[i]);
}
#if defined(__F16C__)
inline void widen(const Float16Bits* x, int64_t count, float* y) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    __m128i bits;
    __builtin_memcpy(&bits, x + i, sizeof(bits));
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(bits));
  }
  for (; i < count; ++i) y[i] = load(x[i]);
}
inline void narrow(const float* x, int64_t count, Float16Bits* y) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i bits = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
    __builtin_memcpy(y + i, &bits, sizeof(bits));
  }
  for (; i < count; ++i) store(y[i], x[i]);
}
#endif

}  // namespace
}  // namespace incipit::kernels::cpu::INCIPIT_KERNEL_ARCH
