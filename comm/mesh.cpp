#include "comm/mesh.h"

#include <utility>

#include "comm/single.h"
#include "core/check.h"

namespace incipit::comm {

std::string MeshDimensions::name() const {
  std::string text;
  const auto add = [&](unsigned bit, const char* word) {
    if ((bits_ & bit) != 0) text += (text.empty() ? "" : " x ") + std::string(word);
  };
  add(1, "data");
  add(2, "fsdp");
  add(4, "pipeline");
  add(8, "tensor");
  return text.empty() ? "none" : text;
}

MeshPosition position_of(int rank, const MeshShape& shape) {
  return {.data = rank / (shape.tensor * shape.pipeline * shape.fsdp),
          .fsdp = rank / (shape.tensor * shape.pipeline) % shape.fsdp,
          .pipeline = rank / shape.tensor % shape.pipeline,
          .tensor = rank % shape.tensor};
}

int rank_of(const MeshPosition& position, const MeshShape& shape) {
  const int copy = position.data * shape.fsdp + position.fsdp;
  return (copy * shape.pipeline + position.pipeline) * shape.tensor + position.tensor;
}

Mesh::Mesh(std::unique_ptr<Communicator> world, const MeshShape& shape)
    : shape_(shape), position_(position_of(world->rank(), shape)), world_(std::move(world)) {
  INCIPIT_CHECK(shape.product() == world_->size(), "mesh of ", shape.product(), " on ",
                world_->size(), " ranks");
  // Dimensions of size 1 are ignored: if tensor is 1, {data} and {data, tensor} share a
  // communicator.
  MeshDimensions real;
  if (shape.data > 1) real = real | kData;
  if (shape.fsdp > 1) real = real | kFsdp;
  if (shape.pipeline > 1) real = real | kPipeline;
  if (shape.tensor > 1) real = real | kTensor;
  for (unsigned bits = 0; bits < MeshDimensions::kSubsets; ++bits) {
    const MeshDimensions wanted = MeshDimensions::from_bits(bits) & real;
    if (wanted.bits() < bits) {
      along_[bits] = along_[wanted.bits()];
      continue;
    }
    if (wanted == real) {
      along_[bits] = world_.get();
      continue;
    }
    if (wanted == kNoDimension) {
      // Shares the world's context: a broken world breaks this too.
      parts_.push_back(make_single("self", world_->shared_context()));
    } else {
      // Ranks with equal indices in all other dimensions get the same color.
      MeshPosition corner = position_;
      if (wanted.contains(kData)) corner.data = 0;
      if (wanted.contains(kFsdp)) corner.fsdp = 0;
      if (wanted.contains(kPipeline)) corner.pipeline = 0;
      if (wanted.contains(kTensor)) corner.tensor = 0;
      parts_.push_back(world_->split(rank_of(corner, shape), world_->rank(), wanted.name()));
    }
    along_[bits] = parts_.back().get();
  }
  stages_ = Neighbours(pipeline());
}

Communicator& Mesh::along(MeshDimensions dimensions) const { return *along_[dimensions.bits()]; }

}  // namespace incipit::comm
