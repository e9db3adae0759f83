// What a run stands on: versions, processor, threads.
#pragma once

#include <string>
#include <vector>

#include "core/cores.h"

namespace incipit::launcher {

[[nodiscard]] std::string incipit_version();
[[nodiscard]] std::string libtorch_version();
[[nodiscard]] std::string mpi_version();  // first line of what the library says of itself
[[nodiscard]] std::string host_name();
[[nodiscard]] std::string processor_name();  // "model name" of /proc/cpuinfo
// What libtorch and our own kernels use of the processor: "libtorch AVX512, incipit AVX-512".
[[nodiscard]] std::string processor_capability();
[[nodiscard]] std::string memory_text();  // "23.4 GiB, 12.1 GiB available"
// Paths of the OpenMP runtimes mapped into this process; more than one doubles the threads.
[[nodiscard]] std::vector<std::string> openmp_runtimes();

struct GpuInfo {
  std::string driver;   // "13.0", or why there is none
  std::string runtime;  // CUDA runtime, or why there is none
  std::string nccl;
  std::vector<std::string> devices;  // "NVIDIA H100, 79.6 GiB"
};
[[nodiscard]] GpuInfo gpu_info();
// Bytes that each visible GPU has in all; empty where the driver does not say.
[[nodiscard]] std::vector<double> gpu_memory();

// Sets libtorch's and OpenMP's threads for each of the `local_ranks` ranks that share `cores`
// cores, so that all of them together use no more, and this rank no more than `own`.
// OMP_NUM_THREADS, where it is set, wins. Returns the number of threads.
int set_threads(const UsableCores& own, int cores, int local_ranks);
// The threads of a rank that is alone, and why: "2 threads: cgroup cpu.max allows 2 of 64 cores".
[[nodiscard]] std::string threads_text(const UsableCores& own);

}  // namespace incipit::launcher
