// What a run stands on: versions, processor, threads.
#pragma once

#include <string>
#include <vector>

namespace incipit::launcher {

[[nodiscard]] std::string incipit_version();
[[nodiscard]] std::string libtorch_version();
[[nodiscard]] std::string mpi_version();  // first line of what the library says of itself
[[nodiscard]] std::string host_name();
[[nodiscard]] std::string processor_name();  // "model name" of /proc/cpuinfo
// What libtorch and our own kernels make of the processor: "AVX512, x86-64-v4".
[[nodiscard]] std::string processor_capability();
[[nodiscard]] int usable_cores();  // that this process may run on
// Paths of the OpenMP runtimes mapped into this process; more than one doubles the threads.
[[nodiscard]] std::vector<std::string> openmp_runtimes();

struct GpuInfo {
  std::string driver;   // "13.0", or why there is none
  std::string runtime;  // CUDA runtime, or why there is none
  std::string nccl;
  std::vector<std::string> devices;  // "NVIDIA H100, 79.6 GiB"
};
[[nodiscard]] GpuInfo gpu_info();

// Threads for each of `local_ranks` ranks of this machine, so that together they keep
// within the cores: OMP_NUM_THREADS where it is set. Tells libtorch; returns the number.
int set_threads(int local_ranks);

}  // namespace incipit::launcher
