// The ranks arranged as data x gathered x pipeline x tensor, and the communicators along it.
//
//   rank = ((data * gathered_size + gathered) * pipeline_size + pipeline) * tensor_size + tensor
//
// Tensor is innermost: those ranks talk most, so they are neighbours on one machine.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "comm/communicator.h"
#include "comm/mesh_options.h"

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
  [[nodiscard]] std::string name() const;  // "data x tensor"; "none" for the empty set
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
inline constexpr MeshDimensions kGathered = MeshDimensions::from_bits(2);
inline constexpr MeshDimensions kPipeline = MeshDimensions::from_bits(4);
inline constexpr MeshDimensions kTensor = MeshDimensions::from_bits(8);
// The ranks that share the examples of a batch.
inline constexpr MeshDimensions kBatch = kData | kGathered;

// Where a rank stands along each dimension.
struct MeshPosition {
  int data = 0;
  int gathered = 0;
  int pipeline = 0;
  int tensor = 0;
  friend bool operator==(const MeshPosition&, const MeshPosition&) = default;
};

[[nodiscard]] MeshPosition position_of(int rank, const MeshShape& shape);
[[nodiscard]] int rank_of(const MeshPosition& position, const MeshShape& shape);

// The one place where communicators are split. Collective to make.
class Mesh {
 public:
  // shape.product() must be world->size() (resolve_mesh sees to it).
  Mesh(std::unique_ptr<Communicator> world, const MeshShape& shape);

  [[nodiscard]] const MeshShape& shape() const noexcept { return shape_; }
  [[nodiscard]] const MeshPosition& position() const noexcept { return position_; }

  // The ranks that differ from this one only along `dimensions`, in order of world rank.
  // Along none, or along dimensions of size 1: this rank alone.
  [[nodiscard]] Communicator& along(MeshDimensions dimensions) const;
  [[nodiscard]] Communicator& world() const { return *world_; }
  [[nodiscard]] Communicator& batch() const { return along(kBatch); }
  [[nodiscard]] Communicator& gathered() const { return along(kGathered); }
  [[nodiscard]] Communicator& pipeline() const { return along(kPipeline); }
  [[nodiscard]] Communicator& tensor() const { return along(kTensor); }

 private:
  MeshShape shape_;
  MeshPosition position_;
  std::unique_ptr<Communicator> world_;
  std::vector<std::unique_ptr<Communicator>> parts_;
  std::array<Communicator*, MeshDimensions::kSubsets> along_{};
};

}  // namespace incipit::comm
