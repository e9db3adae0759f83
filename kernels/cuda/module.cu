// libincipit_cuda.so: the table of kernels, compiled for GPUs.
#include "kernels/cuda/make_table.cuh"

namespace incipit::kernels::cuda {
namespace {

const char* last_launch_error() {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace
}  // namespace incipit::kernels::cuda

// What kernels/cuda/module.cpp looks for. The table lives as long as the process.
extern "C" __attribute__((visibility("default"))) const void* incipit_cuda_kernels() {
  using namespace incipit::kernels::cuda;
  static const Table table = make_table(last_launch_error);
  return &table;
}
