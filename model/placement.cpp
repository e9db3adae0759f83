#include "model/placement.h"

#include "comm/single.h"

namespace incipit::model {
namespace {

std::shared_ptr<comm::Communicator> not_owned(comm::Communicator& communicator) {
  return {std::shared_ptr<void>(), &communicator};
}

}  // namespace

Placement::Placement() : tensor(comm::make_single("self")), pipeline(tensor), fsdp(tensor) {}

Placement::Placement(const comm::Mesh& mesh)
    : tensor(not_owned(mesh.tensor())),
      pipeline(not_owned(mesh.pipeline())),
      fsdp(not_owned(mesh.fsdp())),
      stages(mesh.stages()) {}

Partition Placement::partition(const ModelSpec& spec) const {
  return partition_of(spec, pipeline->size(), pipeline->rank(), tensor->size(), tensor->rank());
}

}  // namespace incipit::model
