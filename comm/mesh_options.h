// How the ranks of a run are arranged: the `parallel` section of a configuration.
#pragma once

#include <string>

namespace incipit::comm {

struct MeshOptions {
  int data = 0;                  // copies of the model; 0 (auto): as many as the ranks allow
  int tensor = 1;                // ranks that split every layer
  int pipeline = 1;              // ranks that split the sequence of layers
  bool gathered = false;         // layers live in shards and are gathered for use
  std::string backend = "auto";  // auto, single, mpi, nccl
  double timeout_seconds = 600;  // of one operation among ranks
};

// The sizes of the mesh, all known.
struct MeshShape {
  int data = 1;
  int pipeline = 1;
  int tensor = 1;
  [[nodiscard]] int product() const { return data * pipeline * tensor; }
  friend bool operator==(const MeshShape&, const MeshShape&) = default;
};

// Throws ConfigError naming the key for a value that no world could satisfy.
void validate(const MeshOptions& options);

// validate(), then fills in data: auto. Throws ConfigError when the product is not
// world_size, with the product and what would work.
[[nodiscard]] MeshShape resolve_mesh(const MeshOptions& options, int world_size);

}  // namespace incipit::comm
