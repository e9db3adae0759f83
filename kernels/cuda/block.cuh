// How a kernel is written, so that nvcc compiles it for the device and a C++ compiler for the host.
//
// A kernel is a struct with its arguments and `void operator()(const Block&) const`, the work of
// one block: a sequence of phases. A phase runs a function for all threads of the block; the next
// phase starts when all have finished. What a thread needs in a later phase is in shared memory or
// is read again. On the host, a block is a loop over its threads for each phase. It may run
// backwards, so that tests find a phase whose threads depend on one another.
#pragma once

#include <stdint.h>

#include "kernels/cuda/table.h"

#if defined(__CUDACC__)
#define INCIPIT_DEVICE __device__ __forceinline__
#else
#include <cstddef>
#include <cstring>
#include <vector>
#define INCIPIT_DEVICE inline
#endif

namespace incipit::kernels::cuda {

class Block {
 public:
#if defined(__CUDACC__)
  INCIPIT_DEVICE int64_t index() const { return blockIdx.x; }
  INCIPIT_DEVICE int threads() const { return static_cast<int>(blockDim.x); }
  template <typename T>
  INCIPIT_DEVICE T* shared() const {
    extern __shared__ float4 memory[];
    return reinterpret_cast<T*>(memory);
  }
  // Runs a phase: f(thread) for every thread.
  template <typename F>
  INCIPIT_DEVICE void each_thread(F&& f) const {
    f(static_cast<int>(threadIdx.x));
    __syncthreads();
  }
  INCIPIT_DEVICE void wait() const { __syncthreads(); }
#else
  Block(int64_t index, int threads, void* shared, bool backwards)
      : index_(index), threads_(threads), shared_(shared), backwards_(backwards) {}
  int64_t index() const { return index_; }
  int threads() const { return threads_; }
  template <typename T>
  T* shared() const {
    return static_cast<T*>(shared_);
  }
  template <typename F>
  void each_thread(F&& f) const {
    for (int i = 0; i < threads_; ++i) f(backwards_ ? threads_ - 1 - i : i);
  }
  void wait() const {}
#endif

  // Returns op over values[0, threads), which it overwrites. The number of threads is a power of
  // two.
  template <typename T, typename Op>
  INCIPIT_DEVICE T reduce(T* values, Op&& op) const {
    for (int half = threads() / 2; half > 0; half /= 2) {
      each_thread([&](int t) {
        if (t < half) values[t] = op(values[t], values[t + half]);
      });
    }
    const T all = values[0];
    wait();  // until every thread has read it
    return all;
  }

#if !defined(__CUDACC__)
 private:
  int64_t index_;
  int threads_;
  void* shared_;
  bool backwards_;
#endif
};

struct Sum {
  template <typename T>
  INCIPIT_DEVICE T operator()(const T& a, const T& b) const {
    return a + b;
  }
};

#if defined(__CUDACC__)

template <typename Kernel>
__global__ void run_block(const __grid_constant__ Kernel kernel) {
  kernel(Block());
}

template <typename Kernel>
void launch(const Launch& to, const Kernel& kernel, int64_t blocks, int threads,
            int64_t shared_bytes) {
  if (blocks <= 0) return;
  constexpr int64_t kUsualShared = 48 * 1024;
  if (shared_bytes > kUsualShared) {
    cudaFuncSetAttribute(run_block<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                         static_cast<int>(shared_bytes));
  }
  run_block<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads),
              static_cast<size_t>(shared_bytes), static_cast<cudaStream_t>(to.stream)>>>(kernel);
}

inline void clear(const Launch& to, const Clear& a) {
  if (a.bytes == 0) return;
  cudaMemsetAsync(a.data, 0, static_cast<size_t>(a.bytes), static_cast<cudaStream_t>(to.stream));
}

#else

// How blocks run on the host.
struct HostRun {
  bool backwards = false;
  int64_t launches = 0;
};
inline HostRun& host_run() {
  static HostRun run;
  return run;
}

template <typename Kernel>
void launch(const Launch&, const Kernel& kernel, int64_t blocks, int threads,
            int64_t shared_bytes) {
  if (blocks <= 0) return;
  HostRun& run = host_run();
  ++run.launches;
  std::vector<double> shared(static_cast<std::size_t>(shared_bytes) / sizeof(double) + 8);
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t index = run.backwards ? blocks - 1 - i : i;
    // Every number starts as NaN, as memory that no thread has written.
    std::memset(shared.data(), 0xff, shared.size() * sizeof(double));
    kernel(Block(index, threads, shared.data(), run.backwards));
  }
}

inline void clear(const Launch&, const Clear& a) {
  if (a.bytes == 0) return;
  ++host_run().launches;
  std::memset(a.data, 0, static_cast<std::size_t>(a.bytes));
}

#endif

// Returns the threads of a block that has `work` equal pieces: a power of two, from 32 to 256.
inline int threads_for(int64_t work) {
  int threads = 32;
  while (threads < 256 && threads < work) threads *= 2;
  return threads;
}

// Blocks of kFlatThreads, enough for a thread for each of `count` numbers.
inline constexpr int kFlatThreads = 256;
inline int64_t flat_blocks(int64_t count) { return (count + kFlatThreads - 1) / kFlatThreads; }

}  // namespace incipit::kernels::cuda
