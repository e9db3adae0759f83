// Keys and values of resident rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace incipit::nn {

// Keys and values of resident rows, by layer, and the gradients that passes add to them. Keys are
// already rotated for their positions, as PEFT stores prefixes.
struct KeyValueStore {
  struct Layer {
    // Rows may be strided. On the CPU keys and values may also have the accumulate type, whatever
    // the compute dtype: attention computes in it, and converts other types in every pass.
    at::Tensor keys;         // [rows, kv_width], compute dtype
    at::Tensor values;       // [rows, kv_width]
    at::Tensor grad_keys;    // [rows, kv_width] float32 (float64 in a float64 backbone), or
    at::Tensor grad_values;  //   undefined if the rows need no gradient
  };
  std::vector<Layer> layers;
  // Whether the tensors above stay, with other contents, for all passes: graphs may read them.
  bool stays = false;
  [[nodiscard]] std::int64_t rows() const { return layers.empty() ? 0 : layers[0].keys.size(0); }
  // Sets the gradients of every layer to zeros. Allocates those that are undefined.
  void enable_gradients();
};

}  // namespace incipit::nn
