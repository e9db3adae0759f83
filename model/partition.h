// The part of a model on each rank of a mesh. Pure arithmetic on the model's shape.
#pragma once

#include <cstdint>
#include <vector>

#include "core/range.h"
#include "model/spec.h"

namespace incipit::model {

// A tensor parallel rank's share of a layer (heads and MLP columns, as in Shoeybi et al. 2019).
struct LayerShare {
  Range heads;     // query heads
  Range kv_heads;  // key/value heads that the query heads attend to
  Range columns;   // of the MLP's intermediate width
  friend bool operator==(const LayerShare&, const LayerShare&) = default;
};

// A rank's part of the model. The pipeline stage with the first layer has the embedding; the stage
// with the last layer has the final norm and the head.
struct Partition {
  Range layers;
  std::vector<LayerShare> shares;  // of these layers
  Range vocabulary;                // token ids of the embedding
  Range outputs;                   // of the head: the same token ids, or classes
  bool embeds = true;
  bool scores = true;
};

// Returns the share of every tensor parallel rank. With at most as many ranks as key/value heads,
// every rank has whole groups (a key/value head and its query heads), though not always equally
// many. With more ranks, several ranks have the key/value head of a group and divide its query
// heads. Where heads are not divided evenly, MLP columns balance the weights of a layer. Throws
// ConfigError if there are more ranks than query heads.
[[nodiscard]] std::vector<LayerShare> split_layer(const LayerSpec& layer, std::int64_t hidden_size,
                                                  int ranks);

// Returns the outputs of the head of every tensor parallel rank. Throws ConfigError if there are
// more ranks than outputs.
[[nodiscard]] std::vector<Range> split_outputs(std::int64_t outputs, int ranks);

// Returns part `index` of [0, total) split into `parts` parts. Sizes differ by at most one; larger
// parts come first.
[[nodiscard]] Range even_part(std::int64_t total, int parts, int index);

// Returns the layers of every pipeline stage, in order. Stages have equally many layers, or differ
// by one. The stages in the middle get the additional layers first, since the first and last stages
// also have the embedding and the head. Throws ConfigError if there are more stages than layers.
[[nodiscard]] std::vector<Range> split_layers(std::int64_t layers, int stages);

// Returns the part of pipeline stage `stage` of `stages` and tensor parallel rank `rank` of
// `ranks`.
[[nodiscard]] Partition partition_of(const ModelSpec& spec, int stages, int stage, int ranks,
                                     int rank);

}  // namespace incipit::model
