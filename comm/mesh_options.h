// The `parallel` section of a configuration: how the ranks of a run form a mesh.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/option_problem.h"

namespace incipit {
class Schema;
}

namespace incipit::comm {

struct MeshOptions {
  int data = 0;      // data parallel: copies of the model. 0 (auto): as many as the ranks allow
  int tensor = 1;    // tensor parallel: ranks that split every layer
  int pipeline = 1;  // pipeline parallel: ranks that split the sequence of layers
  // FSDP: ranks that shard one copy of the model and gather each layer for use. 1 (false): no FSDP.
  // 0 (true): all ranks that the other dimensions leave.
  int fsdp = 1;
  int world = 0;  // the number of ranks that the run must have; 0 (any): as the launcher starts
  std::string backend = "auto";  // auto, single, mpi, nccl
  double timeout_seconds = 600;  // of one operation between ranks
};

// Declares the keys of the block.
void declare(Schema& schema, MeshOptions& options);

// The sizes of the mesh, with no automatic values left.
struct MeshShape {
  int data = 1;
  int fsdp = 1;
  int pipeline = 1;
  int tensor = 1;
  [[nodiscard]] int product() const { return data * fsdp * pipeline * tensor; }
  friend bool operator==(const MeshShape&, const MeshShape&) = default;
};

// Returns "data 2 x tensor 3". Dimensions of size 1 are omitted, except data.
[[nodiscard]] std::string describe(const MeshShape& shape);
// Returns how much two meshes differ in splitting the model, in doublings of dimensions. The data
// dimension does not count.
[[nodiscard]] double distance(const MeshShape& shape, const MeshShape& wanted);

// The most ranks that can split a model along each dimension.
struct MeshLimits {
  int tensor = std::numeric_limits<int>::max();    // its attention heads
  int pipeline = std::numeric_limits<int>::max();  // its layers
};

// Returns the options that are invalid for any number of ranks, with keys relative to the block.
[[nodiscard]] std::vector<OptionProblem> validate(const MeshOptions& options);
// Throws ConfigError for the first problem.
void require_valid(const MeshOptions& options);

// Derives the automatic sizes from the number of ranks. Throws ConfigError if the options are
// invalid, if no mesh of these sizes has world_size ranks, or if the model cannot be split over so
// many ranks. In the latter two cases the message has the reason and the nearest possible mesh.
[[nodiscard]] MeshShape resolve_mesh(const MeshOptions& options, int world_size,
                                     const MeshLimits& limits = {});

}  // namespace incipit::comm
