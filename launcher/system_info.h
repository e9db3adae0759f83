// System information: versions, processor, memory, threads.
#pragma once

#include <string>
#include <vector>

#include "core/cores.h"

namespace incipit::launcher {

[[nodiscard]] std::string incipit_version();
[[nodiscard]] std::string libtorch_version();
[[nodiscard]] std::string mpi_version();  // first line of the library's version string
[[nodiscard]] std::string host_name();
[[nodiscard]] std::string processor_name();  // "model name" of /proc/cpuinfo
// The instruction sets that libtorch and Incipit's kernels use: "libtorch AVX512, incipit AVX-512".
[[nodiscard]] std::string processor_capability();
[[nodiscard]] std::string memory_text();  // "23.4 GiB, 12.1 GiB available"
// Returns the paths of the OpenMP runtimes mapped into this process. More than one doubles the
// threads.
[[nodiscard]] std::vector<std::string> openmp_runtimes();

struct GpuInfo {
  std::string driver;   // "13.0", or why there is none
  std::string runtime;  // CUDA runtime, or why there is none
  std::string nccl;
  std::vector<std::string> devices;  // "NVIDIA H100, 79.6 GiB"
};
[[nodiscard]] GpuInfo gpu_info();
// Returns the total memory of each visible GPU, in bytes. Empty if the driver does not report it.
[[nodiscard]] std::vector<double> gpu_memory();

// Sets libtorch's and OpenMP's number of threads for each of the `local_ranks` ranks that share
// `cores` cores. Together they use at most `cores`, and this rank at most `own`. OMP_NUM_THREADS
// takes precedence if set. Returns the number of threads.
int set_threads(const UsableCores& own, int cores, int local_ranks);
// Returns the number of threads of a single rank, and why: "2 threads: cgroup cpu.max allows 2 of
// 64 cores".
[[nodiscard]] std::string threads_text(const UsableCores& own);

}  // namespace incipit::launcher
