#include "model/cpu/kernels.h"

namespace incipit::model::cpu {

namespace baseline {
extern const Kernels kTable;
}
#if defined(__x86_64__)
namespace v3 {
extern const Kernels kTable;
}
namespace v4 {
extern const Kernels kTable;
}
#endif

const Kernels& kernels() {
#if defined(__x86_64__)
  static const Kernels& chosen = __builtin_cpu_supports("avx512f") &&
                                         __builtin_cpu_supports("avx512bw") &&
                                         __builtin_cpu_supports("avx512dq") &&
                                         __builtin_cpu_supports("avx512vl")
                                     ? v4::kTable
                                 : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                                     ? v3::kTable
                                     : baseline::kTable;
  return chosen;
#else
  return baseline::kTable;
#endif
}

template <>
const RowKernels<float>& row_kernels<float>() {
  return kernels().float32;
}
template <>
const RowKernels<BFloat16Bits>& row_kernels<BFloat16Bits>() {
  return kernels().bfloat16;
}
template <>
const RowKernels<double>& row_kernels<double>() {
  return kernels().float64;
}
template <>
const AttentionKernels<float>& attention_kernels<float>() {
  return kernels().attention32;
}
template <>
const AttentionKernels<double>& attention_kernels<double>() {
  return kernels().attention64;
}

}  // namespace incipit::model::cpu
