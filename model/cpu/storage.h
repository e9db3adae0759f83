// How the kernels read and write numbers of a storage type; arithmetic is in float32, or in float64
// for float64. Included only by the files that are compiled once per instruction set: everything here
// has internal linkage in the namespace of one of them. Plain arithmetic that the compiler turns into
// vector code, the same on every processor.
#pragma once

#include "model/cpu/kernels.h"

namespace incipit::model::cpu::INCIPIT_KERNEL_ARCH {
namespace {

inline float load(float x) { return x; }
inline double load(double x) { return x; }
inline float load(BFloat16Bits x) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(x.bits) << 16);
}
// The product with 2^112 moves the exponent from float16's bias to float32's, subnormals included.
inline float load(Float16Bits x) {
  const uint32_t magnitude = static_cast<uint32_t>(x.bits & 0x7fffU) << 13;
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000U) << 16;
  const float scaled = __builtin_bit_cast(float, magnitude) * 0x1p112F;
  const uint32_t special = magnitude >= 0x0f800000U ? 0x7f800000U : 0U;  // infinite, or no number
  return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, scaled) | special | sign);
}

// To nearest, ties to even; what is not a number stays so.
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
  // A subnormal result: adding 0.5 makes the float32 unit rounding round at float16's last place.
  const float shifted = __builtin_bit_cast(float, magnitude) + 0.5F;
  const uint32_t subnormal = __builtin_bit_cast(uint32_t, shifted) - 0x3f000000U;
  const uint32_t normal = (magnitude - 0x38000000U + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
  uint32_t rounded = magnitude < 0x38800000U ? subnormal : normal;
  rounded = magnitude >= 0x47800000U ? 0x7c00U : rounded;  // 2^16 and more
  rounded = magnitude > 0x7f800000U ? 0x7e00U : rounded;
  y.bits = static_cast<uint16_t>(rounded | sign);
}

}  // namespace
}  // namespace incipit::model::cpu::INCIPIT_KERNEL_ARCH
