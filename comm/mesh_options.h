// How the ranks of a run are arranged: the `parallel` section of a configuration.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/option_problem.h"

namespace incipit::comm {

struct MeshOptions {
  int data = 0;      // copies of the model; 0 (auto): as many as the ranks allow
  int tensor = 1;    // ranks that split every layer
  int pipeline = 1;  // ranks that split the sequence of layers
  // Ranks that hold one copy of the model between them and gather each layer for use. 1 (false):
  // not so; 0 (true): all ranks that `data` leaves.
  int gathered = 1;
  std::string backend = "auto";  // auto, single, mpi, nccl
  double timeout_seconds = 600;  // of one operation among ranks
};

// The sizes of the mesh, all known.
struct MeshShape {
  int data = 1;
  int gathered = 1;
  int pipeline = 1;
  int tensor = 1;
  [[nodiscard]] int product() const { return data * gathered * pipeline * tensor; }
  friend bool operator==(const MeshShape&, const MeshShape&) = default;
};

// "data 2 x tensor 3": dimensions of size 1 are left out, but for data.
[[nodiscard]] std::string describe(const MeshShape& shape);
// How far one is from another in splitting a model, in doublings of a dimension.
[[nodiscard]] double distance(const MeshShape& shape, const MeshShape& wanted);

// How far a model can be split.
struct MeshLimits {
  int tensor = std::numeric_limits<int>::max();    // its attention heads
  int pipeline = std::numeric_limits<int>::max();  // its layers
};

// What no world could satisfy, with keys relative to the block.
[[nodiscard]] std::vector<OptionProblem> validate(const MeshOptions& options);
// Throws ConfigError for the first problem.
void require_valid(const MeshOptions& options);

// Fills in what is left to the number of ranks. Throws ConfigError when the options are not valid,
// when no mesh of these sizes has world_size ranks or when the model cannot be split so far: with
// the reason, and the nearest mesh that this world can be.
[[nodiscard]] MeshShape resolve_mesh(const MeshOptions& options, int world_size,
                                     const MeshLimits& limits = {});

}  // namespace incipit::comm
