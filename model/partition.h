// Which part of a transformer each rank of a mesh holds. Pure arithmetic on the model's
// shape: loading, the blocks and `incipit plan` all take it from here.
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace incipit::model {

// Indices [begin, end).
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

// What one of the ranks that split every layer holds of each of them (Shoeybi et al. 2019:
// heads and MLP columns), and of embedding and head (rows of the vocabulary).
struct TensorShare {
  Range heads;       // query heads
  Range kv_heads;    // those that the query heads attend to
  Range columns;     // of the MLP's intermediate width
  Range vocabulary;  // token ids
  friend bool operator==(const TensorShare&, const TensorShare&) = default;
};

// A rank's part of the model. The stage with the first layer embeds, the one with the last
// layer scores.
struct Partition {
  Range layers;
  TensorShare share;
  bool embeds = true;
  bool scores = true;
};

// By tensor rank. With at most as many ranks as key/value heads, every rank has whole groups
// (a key/value head and its query heads), perhaps not equally many; with more ranks, a group's
// key/value head is held by several ranks, which divide its query heads. MLP columns make the
// weights of a layer equal where heads could not. Throws ConfigError when there are more ranks
// than query heads.
[[nodiscard]] std::vector<TensorShare> split_tensor(const TransformerConfig& config, int ranks);

// By stage: layers in order, equally many but that the first and last stages, which hold embedding
// and head too, come last when some get one more. Throws ConfigError when there are more stages
// than layers.
[[nodiscard]] std::vector<Range> split_layers(const TransformerConfig& config, int stages);

// The part of pipeline stage `stage` of `stages` and tensor rank `rank` of `ranks`.
[[nodiscard]] Partition partition_of(const TransformerConfig& config, int stages, int stage,
                                     int ranks, int rank);

// The shape as a block of this share sees it: its heads, key/value heads and columns.
[[nodiscard]] TransformerConfig local_config(const TransformerConfig& config,
                                             const TensorShare& share);

// Numbers in a layer's matrices and biases, and in its norms. `local` is a local_config().
[[nodiscard]] std::int64_t layer_matrix_numbers(const TransformerConfig& local);
[[nodiscard]] std::int64_t layer_norm_numbers(const TransformerConfig& local);

// Bytes of all weights of a part: matrices of `matrix_bytes` a number, norms of `norm_bytes`
// (the engine keeps them in float32). A tied embedding counts once where one rank both embeds
// and scores.
[[nodiscard]] std::int64_t weight_bytes(const TransformerConfig& config, const Partition& part,
                                        int matrix_bytes, int norm_bytes);

}  // namespace incipit::model
