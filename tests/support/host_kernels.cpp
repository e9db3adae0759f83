#include "tests/support/host_kernels.h"

#include "kernels/cuda/make_table.cuh"

namespace incipit::testing {

const kernels::cuda::Table& host_kernels() {
  static const kernels::cuda::Table table =
      kernels::cuda::make_table([]() -> const char* { return nullptr; });
  return table;
}

void run_backwards(bool backwards) { kernels::cuda::host_run().backwards = backwards; }

std::int64_t host_launches() { return kernels::cuda::host_run().launches; }

}  // namespace incipit::testing
