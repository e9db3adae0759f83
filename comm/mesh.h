// The device mesh of ranks, data parallel x FSDP (`fsdp`) x pipeline parallel x tensor
// parallel, and the communicators along its dimensions.
//
//   rank = ((data * fsdp_size + fsdp) * pipeline_size + pipeline) * tensor_size + tensor
//
// Tensor parallel ranks are innermost: they communicate most, so they are neighbours on one
// machine.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "comm/communicator.h"
#include "comm/mesh_options.h"
#include "comm/neighbours.h"

namespace incipit::comm {

// A set of dimensions of the mesh.
class MeshDimensions {
 public:
  constexpr MeshDimensions() = default;
  [[nodiscard]] constexpr MeshDimensions operator|(MeshDimensions other) const {
    return MeshDimensions(bits_ | other.bits_);
  }
  [[nodiscard]] constexpr MeshDimensions operator&(MeshDimensions other) const {
    return MeshDimensions(bits_ & other.bits_);
  }
  [[nodiscard]] constexpr bool contains(MeshDimensions other) const {
    return (bits_ & other.bits_) == other.bits_;
  }
  [[nodiscard]] constexpr unsigned bits() const { return bits_; }
  [[nodiscard]] std::string name() const;  // "data x tensor", or "none" for the empty set
  friend constexpr bool operator==(MeshDimensions, MeshDimensions) = default;

  static constexpr unsigned kSubsets = 16;
  [[nodiscard]] static constexpr MeshDimensions from_bits(unsigned bits) {
    return MeshDimensions(bits % kSubsets);
  }

 private:
  constexpr explicit MeshDimensions(unsigned bits) : bits_(bits) {}
  unsigned bits_ = 0;
};

inline constexpr MeshDimensions kNoDimension{};
inline constexpr MeshDimensions kData = MeshDimensions::from_bits(1);
inline constexpr MeshDimensions kFsdp = MeshDimensions::from_bits(2);
inline constexpr MeshDimensions kPipeline = MeshDimensions::from_bits(4);
inline constexpr MeshDimensions kTensor = MeshDimensions::from_bits(8);
// The ranks over which the examples of a batch are divided.
inline constexpr MeshDimensions kBatch = kData | kFsdp;

// A rank's index along each dimension.
struct MeshPosition {
  int data = 0;
  int fsdp = 0;
  int pipeline = 0;
  int tensor = 0;
  friend bool operator==(const MeshPosition&, const MeshPosition&) = default;
};

[[nodiscard]] MeshPosition position_of(int rank, const MeshShape& shape);
[[nodiscard]] int rank_of(const MeshPosition& position, const MeshShape& shape);

// Owns the world and the communicators split from it; none are split elsewhere. Construction is
// collective.
class Mesh {
 public:
  // shape.product() must equal world->size(); resolve_mesh() guarantees it.
  Mesh(std::unique_ptr<Communicator> world, const MeshShape& shape);

  [[nodiscard]] const MeshShape& shape() const noexcept { return shape_; }
  [[nodiscard]] const MeshPosition& position() const noexcept { return position_; }

  // Returns the communicator of the ranks that differ from this one only along `dimensions`, in
  // order of world rank. For no dimensions, or dimensions of size 1, it contains only this rank.
  [[nodiscard]] Communicator& along(MeshDimensions dimensions) const;
  [[nodiscard]] Communicator& world() const { return *world_; }
  [[nodiscard]] Communicator& batch() const { return along(kBatch); }
  [[nodiscard]] Communicator& fsdp() const { return along(kFsdp); }
  [[nodiscard]] Communicator& pipeline() const { return along(kPipeline); }
  [[nodiscard]] Communicator& tensor() const { return along(kTensor); }
  // The previous and the next pipeline stage.
  [[nodiscard]] const Neighbours& stages() const { return stages_; }

 private:
  MeshShape shape_;
  MeshPosition position_;
  std::unique_ptr<Communicator> world_;
  std::vector<std::unique_ptr<Communicator>> parts_;
  std::array<Communicator*, MeshDimensions::kSubsets> along_{};
  Neighbours stages_;
};

}  // namespace incipit::comm
