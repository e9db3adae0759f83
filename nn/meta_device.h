// libtorch's meta device, whose tensors have shapes and dtypes but no data. A pass on it makes the
// allocations, collectives and matmuls of a pass on the CPU and computes nothing, which is how
// `incipit plan` knows them. Reading a value of such a tensor throws c10::Error.
#pragma once

#include <ATen/core/Tensor.h>

namespace incipit::nn {

// Makes the meta device usable for passes: lets the ledger count its tensors, and adds operators
// that libtorch defines for it only in Python. Call it before making such a tensor; later calls do
// nothing. Any thread.
void prepare_meta_device();

// Whether tensors of the device take the path of the CPU kernels. On the meta device that path
// allocates as on the CPU and skips the kernels.
[[nodiscard]] inline bool has_cpu_kernels(at::Device device) {
  return device.is_cpu() || device.is_meta();
}

}  // namespace incipit::nn
