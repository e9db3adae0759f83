// How tensors of a GPU are computed with: the kernels of libincipit_cuda.so and flash attention.
// Without the module, and for float64, operations are composed of ATen calls.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>

#include <cstdint>

#include "kernels/cuda/table.h"

namespace incipit::nn {

// Attention over sequences of queries that each see a sequence of keys (Dao et al. 2022), as
// FlashAttention-2 defines it.
struct FlashCall {
  at::Tensor queries;       // [queries, heads, head_dim]
  at::Tensor keys, values;  // [keys, kv_heads, head_dim]
  // Where sequences begin and the last one ends, [sequences + 1] int32. None is empty.
  at::Tensor query_ends, key_ends;
  std::int64_t longest_queries = 0;
  std::int64_t longest_keys = 0;
  bool causal =
      false;  // the last query of a sequence sees all of its keys, the one before one less
  double scale = 1;
};
// What the plain kernels support beyond a flash call (kernels::cuda::DenseAttention).
struct DenseCall {
  FlashCall flash;
  double softcap = 0;       // 0: none
  std::int64_t window = 0;  // 0: none
  // [queries], [sequences] and, flattened, [tiles, 2] twice: int32
  at::Tensor query_position, key_position, query_tiles, key_tiles;
};
struct FlashResult {
  at::Tensor output;  // [queries, heads, head_dim]
  at::Tensor lse;     // [heads, queries] float32, contiguous
};
struct FlashGradients {
  at::Tensor queries, keys, values;  // as in the call, in its dtype
};

struct DevicePath {
  const kernels::cuda::Table* kernels = nullptr;
  FlashResult (*flash_forward)(const FlashCall&) = nullptr;
  // Takes the output and log-sum-exp that were merged from several calls.
  FlashGradients (*flash_backward)(const FlashCall&, const at::Tensor& grad,
                                   const FlashResult& merged) = nullptr;
  // Whether the flash calls accept these numbers.
  bool (*has_flash)(at::ScalarType type, std::int64_t head_dim) = nullptr;
};

// Returns the path of tensors like x, or null: the CPU's kernels or ATen calls compute with it.
// Warns once if the module of a GPU cannot be loaded.
[[nodiscard]] const DevicePath* device_path(const at::Tensor& x);

// The same for numbers of a training step, which are float64 whatever the model's dtype.
[[nodiscard]] const DevicePath* device_path(at::Device device);

// Lets tensors of the CPU take this path, or their own again (null). For tests, which thereby run
// what a GPU would. Not while other threads compute.
void set_cpu_path(const DevicePath* path);

// Returns where a kernel for tensors like x is launched: its storage type and the current stream.
[[nodiscard]] kernels::cuda::Launch launch_for(const at::Tensor& x);
// Returns the current stream of a GPU (cudaStream_t); null on the host.
[[nodiscard]] void* current_stream(at::Device device);
// Throws LogicError if a launch of this thread failed.
void check_launch(const DevicePath& path);

// Enqueues a kernel for tensors like x.
template <typename Arguments>
void launch(const DevicePath& path, const at::Tensor& x,
            void (*kernel)(const kernels::cuda::Launch&, const Arguments&),
            const Arguments& arguments) {
  const c10::DeviceGuard guard(x.device());
  kernel(launch_for(x), arguments);
  check_launch(path);
}

// Enqueues a kernel that has no storage type.
template <typename Arguments>
void launch(const DevicePath& path, at::Device device,
            void (*kernel)(const kernels::cuda::Launch&, const Arguments&),
            const Arguments& arguments) {
  const c10::DeviceGuard guard(device);
  kernel({.stream = current_stream(device)}, arguments);
  check_launch(path);
}

[[nodiscard]] inline const std::int32_t* ints_of(const at::Tensor& x) {
  return x.const_data_ptr<std::int32_t>();
}

// Rows of a tensor [rows, ...] whose other dimensions are contiguous.
[[nodiscard]] kernels::cuda::Input input_of(const at::Tensor& x);
[[nodiscard]] kernels::cuda::Output output_of(const at::Tensor& x);

// As the flash calls, by Incipit's kernels in plain arithmetic.
[[nodiscard]] FlashResult dense_forward(const DevicePath& path, const DenseCall& call);
[[nodiscard]] FlashGradients dense_backward(const DevicePath& path, const DenseCall& call,
                                            const at::Tensor& grad, const FlashResult& merged);

// The flash calls of libtorch's CUDA library.
[[nodiscard]] FlashResult cuda_flash_forward(const FlashCall& call);
[[nodiscard]] FlashGradients cuda_flash_backward(const FlashCall& call, const at::Tensor& grad,
                                                 const FlashResult& merged);
[[nodiscard]] bool has_cuda_flash(at::ScalarType type, std::int64_t head_dim);

}  // namespace incipit::nn
