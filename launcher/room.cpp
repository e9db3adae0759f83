#include "launcher/room.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>

#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include "launcher/system_info.h"
#include "model/plan.h"

namespace incipit::launcher {
namespace {

constexpr int kMostRanks = 4096;  // largest number of ranks tried

// Of the meshes of `ranks` ranks whose weights fit in memory, returns the one nearest to `wanted`.
std::optional<comm::MeshShape> nearest_with_room(const model::TransformerConfig& config,
                                                 const comm::MeshShape& wanted, int ranks,
                                                 int number_bytes, double room) {
  std::optional<comm::MeshShape> best;
  for (const comm::MeshShape& shape : model::possible_meshes(config, ranks)) {
    if (model::planned_weight_bytes(config, shape, number_bytes) > room) continue;
    if (!best || comm::distance(shape, wanted) < comm::distance(*best, wanted)) best = shape;
  }
  return best;
}

}  // namespace

double memory_of_rank(const comm::LocalRank& local, configs::Device device) {
  constexpr double kUnknown = std::numeric_limits<double>::infinity();
  if (device != configs::Device::kCuda) {
    const double available = available_memory();
    return available > 0 ? available / local.size : kUnknown;
  }
  const std::vector<double> gpus = gpu_memory();
  const std::size_t index = gpus.size() == 1 ? 0 : static_cast<std::size_t>(local.rank);
  return index < gpus.size() ? gpus[index] : kUnknown;
}

std::string objection_to_room(const model::TransformerConfig& config, const comm::MeshShape& shape,
                              int number_bytes, double room) {
  const double needed = model::planned_weight_bytes(config, shape, number_bytes);
  if (needed <= room) return "";
  std::string message = "parallel: " + comm::describe(shape) + ": the weights of a rank take " +
                        human_bytes(needed) + ", but there is room for " + human_bytes(room) +
                        " on each; ";
  for (int ranks = shape.product(); ranks <= kMostRanks; ranks *= 2) {
    const auto near = nearest_with_room(config, shape, ranks, number_bytes, room);
    if (!near) continue;
    return message + "the nearest mesh that has it is " + comm::describe(*near) +
           (ranks == shape.product()
                ? ""
                : ", of " + std::to_string(ranks) + " ranks with as much memory each") +
           (number_bytes > 2 ? "; model.dtype: bfloat16 halves the weights" : "");
  }
  return message + "no mesh of up to " + std::to_string(kMostRanks) + " such ranks has it";
}

void require_room(comm::Communicator& world, const comm::LocalRank& local,
                  const model::TransformerConfig& config, const comm::MeshShape& shape,
                  const configs::ModelOptions& options) {
  std::array<double, 1> room{memory_of_rank(local, options.device)};
  world.all_reduce_min(std::span<double>(room), "memory for the model");
  const std::string objection =
      objection_to_room(config, shape, configs::number_bytes(options.dtype), room[0]);
  if (!objection.empty()) throw ConfigError(objection);
}

}  // namespace incipit::launcher
