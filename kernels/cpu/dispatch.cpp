#include "core/check.h"
#include "kernels/cpu/instruction_set.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/matmul_kernels.h"

namespace incipit::kernels::cpu {

namespace baseline {
extern const Kernels kTable;
extern const MatmulTable kMatmul;
}  // namespace baseline
#if defined(__x86_64__)
namespace v3 {
extern const Kernels kTable;
extern const MatmulTable kMatmul;
}  // namespace v3
namespace v4 {
extern const Kernels kTable;
extern const MatmulTable kMatmul;
}  // namespace v4
#endif

namespace {

struct Tables {
  const Kernels* rows;
  const MatmulTable* matmul;
};

Tables choose() {
  switch (instruction_set()) {
#if defined(__x86_64__)
    case InstructionSet::kAvx512:
      return {&v4::kTable, &v4::kMatmul};
    case InstructionSet::kAvx2:
      return {&v3::kTable, &v3::kMatmul};
#endif
    default:
      return {&baseline::kTable, &baseline::kMatmul};
  }
}

const Tables& tables() {
  static const Tables chosen = choose();
  return chosen;
}

}  // namespace

const Kernels& kernels() { return *tables().rows; }

template <>
const RowKernels<float>& row_kernels<float>() {
  return kernels().float32;
}
template <>
const RowKernels<BFloat16Bits>& row_kernels<BFloat16Bits>() {
  return kernels().bfloat16;
}
template <>
const RowKernels<Float16Bits>& row_kernels<Float16Bits>() {
  return kernels().float16;
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
template <>
const MatmulKernels<float>& matmul_kernels<float>() {
  return tables().matmul->float32;
}
template <>
const MatmulKernels<BFloat16Bits>& matmul_kernels<BFloat16Bits>() {
  return tables().matmul->bfloat16;
}
template <>
const MatmulKernels<Float16Bits>& matmul_kernels<Float16Bits>() {
  return tables().matmul->float16;
}

}  // namespace incipit::kernels::cpu
