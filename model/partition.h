// The part of a transformer on each rank of a mesh. Pure arithmetic on the model's shape, used by
// loading, by the blocks and by `incipit plan`.
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

// A tensor parallel rank's share of every layer (heads and MLP columns, as in Shoeybi et al. 2019)
// and of the embedding and head (rows of the vocabulary).
struct TensorShare {
  Range heads;       // query heads
  Range kv_heads;    // key/value heads that the query heads attend to
  Range columns;     // of the MLP's intermediate width
  Range vocabulary;  // token ids
  friend bool operator==(const TensorShare&, const TensorShare&) = default;
};

// A rank's part of the model. The pipeline stage with the first layer has the embedding; the stage
// with the last layer has the final norm and the head.
struct Partition {
  Range layers;
  TensorShare share;
  bool embeds = true;
  bool scores = true;
};

// Returns the share of every tensor parallel rank. With at most as many ranks as key/value heads,
// every rank has whole groups (a key/value head and its query heads), though not always equally
// many. With more ranks, several ranks have the key/value head of a group and divide its query
// heads. Where heads are not divided evenly, MLP columns balance the weights of a layer. Throws
// ConfigError if there are more ranks than query heads.
[[nodiscard]] std::vector<TensorShare> split_tensor(const TransformerConfig& config, int ranks);

// Returns the layers of every pipeline stage, in order. Stages have equally many layers, or differ
// by one. The stages in the middle get the additional layers first, since the first and last stages
// also have the embedding and the head. Throws ConfigError if there are more stages than layers.
[[nodiscard]] std::vector<Range> split_layers(const TransformerConfig& config, int stages);

// Returns the part of pipeline stage `stage` of `stages` and tensor parallel rank `rank` of
// `ranks`.
[[nodiscard]] Partition partition_of(const TransformerConfig& config, int stages, int stage,
                                     int ranks, int rank);

// Returns the configuration with the heads, key/value heads and MLP columns of this share.
[[nodiscard]] TransformerConfig local_config(const TransformerConfig& config,
                                             const TensorShare& share);

// Return the number of parameters in a layer's matrices and biases, and in its norms. `local` is a
// local_config().
[[nodiscard]] std::int64_t layer_matrix_numbers(const TransformerConfig& local);
[[nodiscard]] std::int64_t layer_norm_numbers(const TransformerConfig& local);

// Returns the bytes of all weights of a part. Matrices take `matrix_bytes` per parameter, norms
// `norm_bytes` (the engine keeps them in float32). A tied embedding counts once on a rank that both
// embeds and scores.
[[nodiscard]] std::int64_t weight_bytes(const TransformerConfig& config, const Partition& part,
                                        int matrix_bytes, int norm_bytes);

}  // namespace incipit::model
