#include <ATen/ops/empty.h>

#include "nn/device_path.h"

namespace incipit::nn {
namespace {

at::Tensor contiguous_like(const at::Tensor& x) { return at::empty(x.sizes(), x.options()); }

kernels::cuda::DenseAttention arguments_of(const DenseCall& c, const FlashResult& result) {
  const FlashCall& f = c.flash;
  return {.heads = f.queries.size(1),
          .kv_heads = f.keys.size(1),
          .head_dim = f.queries.size(2),
          .query_count = f.queries.size(0),
          .scale = static_cast<float>(f.scale),
          .softcap = static_cast<float>(c.softcap),
          .window = c.window,
          .causal = f.causal,
          .queries = input_of(f.queries),
          .keys = input_of(f.keys),
          .values = input_of(f.values),
          .query_ends = ints_of(f.query_ends),
          .key_ends = ints_of(f.key_ends),
          .query_position = ints_of(c.query_position),
          .key_position = ints_of(c.key_position),
          .query_tile_count = c.query_tiles.size(0) / 2,
          .key_tile_count = c.key_tiles.size(0) / 2,
          .query_tiles = ints_of(c.query_tiles),
          .key_tiles = ints_of(c.key_tiles),
          .output = output_of(result.output),
          .lse = result.lse.mutable_data_ptr<float>()};
}

}  // namespace

FlashResult dense_forward(const DevicePath& path, const DenseCall& call) {
  const at::Tensor& queries = call.flash.queries;
  const FlashResult result{
      contiguous_like(queries),
      at::empty({queries.size(1), queries.size(0)}, queries.options().dtype(at::kFloat))};
  launch(path, queries, path.kernels->dense_forward, arguments_of(call, result));
  return result;
}

FlashGradients dense_backward(const DevicePath& path, const DenseCall& call, const at::Tensor& grad,
                              const FlashResult& merged) {
  const FlashGradients found{contiguous_like(call.flash.queries), contiguous_like(call.flash.keys),
                             contiguous_like(call.flash.values)};
  kernels::cuda::DenseAttention arguments = arguments_of(call, merged);
  arguments.grad = input_of(grad);
  arguments.grad_queries = output_of(found.queries);
  arguments.grad_keys = output_of(found.keys);
  arguments.grad_values = output_of(found.values);
  launch(path, grad, path.kernels->dense_backward, arguments);
  return found;
}

}  // namespace incipit::nn
