// Communicators of ranks that do not exist: they count what a rank sends and transfer nothing, so
// that `incipit plan` can run one rank of any mesh.
#pragma once

#include <string>
#include <vector>

#include "comm/mesh.h"

namespace incipit::comm {

// What a rank sends for one purpose along some dimensions of the mesh.
struct Sent {
  MeshDimensions over;
  std::string purpose;
  bool overlaps = false;  // started ahead of its use, so that the rank computes meanwhile
  double bytes = 0;
};

class SentBytes {
 public:
  void add(const Sent& sent);
  // In order of first appearance.
  [[nodiscard]] const std::vector<Sent>& all() const { return all_; }

 private:
  std::vector<Sent> all_;
};

// Returns the world of rank `rank` of a mesh, for a Mesh of this shape. The collectives of all its
// communicators are added to `count`: an all-reduce is a ring, in which each of N ranks sends 2 (N
// - 1) / N times the bytes. Operations accept any memory, even none, and leave their results as
// they are. `count` must outlive the communicators.
[[nodiscard]] std::unique_ptr<Communicator> make_counting(const MeshShape& shape, int rank,
                                                          SentBytes& count);

}  // namespace incipit::comm
