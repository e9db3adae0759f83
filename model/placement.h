// The ranks over which one copy of the model is distributed.
#pragma once

#include <memory>

#include "comm/mesh.h"
#include "model/partition.h"

namespace incipit::model {

// A rank's position among the ranks of one copy of the model. No communicator is null: for a
// dimension along which the model is not split it has one rank.
struct Placement {
  // The whole model on this rank.
  Placement();
  // This rank's position in the mesh, which must outlive the placement and every backbone created
  // with it.
  explicit Placement(const comm::Mesh& mesh);

  std::shared_ptr<comm::Communicator> tensor;    // ranks that split every layer
  std::shared_ptr<comm::Communicator> pipeline;  // ranks that split the sequence of layers
  std::shared_ptr<comm::Communicator> fsdp;      // FSDP: ranks that shard every layer
  comm::Neighbours stages;                       // transfers along `pipeline`

  // Returns this rank's part. Throws ConfigError if the model cannot be split over so many ranks.
  [[nodiscard]] Partition partition(const ModelSpec& spec) const;
};

}  // namespace incipit::model
