#include "comm/mesh_options.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/text.h"

namespace incipit::comm {
namespace {

const std::array<std::string, 4> kBackends{"auto", "single", "mpi", "nccl"};

void require_at_least(int value, int least, const char* key, const char* hint) {
  if (value >= least) return;
  throw ConfigError(std::string("parallel.") + key + ": " + std::to_string(value) +
                    " is less than " + std::to_string(least) + hint);
}

std::string ranks(int count) { return std::to_string(count) + (count == 1 ? " rank" : " ranks"); }

std::string sizes(const MeshShape& shape) {
  return "data " + std::to_string(shape.data) + " x pipeline " + std::to_string(shape.pipeline) +
         " x tensor " + std::to_string(shape.tensor);
}

}  // namespace

void validate(const MeshOptions& options) {
  require_at_least(options.data, 0, "data", "; write a number of copies, or auto");
  require_at_least(options.tensor, 1, "tensor", "; 1 means: not split");
  require_at_least(options.pipeline, 1, "pipeline", "; 1 means: not split");
  if (std::find(kBackends.begin(), kBackends.end(), options.backend) == kBackends.end()) {
    throw ConfigError("parallel.backend: '" + options.backend + "' is not one of " +
                      join(kBackends) + did_you_mean(options.backend, kBackends));
  }
  if (!std::isfinite(options.timeout_seconds) || options.timeout_seconds <= 0 ||
      options.timeout_seconds > 86400) {
    throw ConfigError("parallel.timeout_seconds: expected more than 0 and at most 86400 (a day)");
  }
}

MeshShape resolve_mesh(const MeshOptions& options, int world_size) {
  validate(options);
  MeshShape shape{.data = options.data, .pipeline = options.pipeline, .tensor = options.tensor};
  const int model_ranks = shape.pipeline * shape.tensor;
  if (shape.data == 0) shape.data = world_size / model_ranks;
  if (shape.product() == world_size) return shape;

  const int needed = std::max(shape.data, 1) * model_ranks;
  std::string message = "parallel: ";
  if (options.data == 0) {
    message += "one copy of the model takes pipeline " + std::to_string(shape.pipeline) +
               " x tensor " + std::to_string(shape.tensor) + " = " + ranks(model_ranks) +
               ", which does not divide the world of " + ranks(world_size);
  } else {
    message += sizes(shape) + " = " + ranks(needed) + ", but the world has " + ranks(world_size);
  }
  message += "; start " + ranks(needed) + " (mpirun -n " + std::to_string(needed) + ")";
  if (options.data != 0 && world_size % model_ranks == 0) {
    message += ", or set parallel.data to " + std::to_string(world_size / model_ranks);
  }
  throw ConfigError(message);
}

}  // namespace incipit::comm
