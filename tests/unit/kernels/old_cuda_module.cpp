// A library in the place of libincipit_cuda.so, with the table of another version.
#include "kernels/cuda/table.h"

extern "C" const void* incipit_cuda_kernels() {
  static const incipit::kernels::cuda::Table table{
      .version = incipit::kernels::cuda::kTableVersion + 1, .norm = nullptr};
  return &table;
}
