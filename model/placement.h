// The ranks that one copy of the model is spread over.
#pragma once

#include <memory>

#include "comm/mesh.h"
#include "model/partition.h"

namespace incipit::model {

// Where a rank stands among those that hold a copy of the model together. No communicator is
// null: along a dimension in which the model is not split it has one rank.
struct Placement {
  // The whole model on this rank.
  Placement();
  // As the mesh has it, which outlives the placement and every backbone made with it.
  explicit Placement(const comm::Mesh& mesh);

  std::shared_ptr<comm::Communicator> tensor;    // split every layer
  std::shared_ptr<comm::Communicator> pipeline;  // split the sequence of layers
  std::shared_ptr<comm::Communicator> gathered;  // hold shards of layers that are gathered for use

  // This rank's part. Throws ConfigError when the model cannot be split over so many ranks.
  [[nodiscard]] Partition partition(const TransformerConfig& config) const;
};

}  // namespace incipit::model
