#include "launcher/memory_budget.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>

#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include "launcher/system_info.h"
#include "plan/plan.h"

namespace incipit::launcher {
namespace {

constexpr int kMostRanks = 4096;  // largest number of ranks tried

// Of the meshes of `ranks` ranks whose weights fit in memory, returns the one nearest to `wanted`.
// `whole`: bytes of all weights.
std::optional<comm::MeshShape> nearest_that_fits(const model::ModelSpec& config,
                                                 const comm::MeshShape& wanted, int ranks,
                                                 int number_bytes, double whole, double budget) {
  std::optional<comm::MeshShape> best;
  for (const comm::MeshShape& shape : plan::possible_meshes(config, ranks)) {
    // No rank has less than its share, which is quicker to know than what it has.
    if (whole / (shape.fsdp * shape.pipeline * shape.tensor) > budget) continue;
    if (plan::planned_weight_bytes(config, shape, number_bytes) > budget) continue;
    if (!best || comm::distance(shape, wanted) < comm::distance(*best, wanted)) best = shape;
  }
  return best;
}

}  // namespace

double memory_of_rank(const comm::LocalRank& local, model::Device device) {
  constexpr double kUnknown = std::numeric_limits<double>::infinity();
  if (device != model::Device::kCuda) {
    const double available = available_memory();
    return available > 0 ? available / local.size : kUnknown;
  }
  const std::vector<double> gpus = gpu_memory();
  const std::size_t index = gpus.size() == 1 ? 0 : static_cast<std::size_t>(local.rank);
  return index < gpus.size() ? gpus[index] : kUnknown;
}

std::string memory_objection(const model::ModelSpec& config, const comm::MeshShape& shape,
                             int number_bytes, double budget) {
  const double needed = plan::planned_weight_bytes(config, shape, number_bytes);
  if (needed <= budget) return "";
  std::string message = "parallel: " + comm::describe(shape) + ": the weights of a rank take " +
                        human_bytes(needed) + ", but each has " + human_bytes(budget) + "; ";
  const double whole = plan::planned_weight_bytes(config, {}, number_bytes);
  for (int ranks = shape.product(); ranks <= kMostRanks; ranks *= 2) {
    const auto near = nearest_that_fits(config, shape, ranks, number_bytes, whole, budget);
    if (!near) continue;
    return message + "the nearest mesh that fits is " + comm::describe(*near) +
           (ranks == shape.product()
                ? ""
                : ", of " + std::to_string(ranks) + " ranks with as much memory each") +
           (number_bytes > 2 ? "; model.dtype: bfloat16 halves the weights" : "");
  }
  return message + "no mesh of up to " + std::to_string(kMostRanks) + " such ranks has it";
}

void require_memory(comm::Communicator& world, const comm::LocalRank& local,
                    const model::ModelSpec& config, const comm::MeshShape& shape,
                    const model::ModelOptions& options) {
  std::array<double, 1> budget{memory_of_rank(local, options.device)};
  world.all_reduce_min(std::span<double>(budget), "memory for the model");
  const std::string objection =
      memory_objection(config, shape, model::number_bytes(options.dtype), budget[0]);
  if (!objection.empty()) throw ConfigError(objection);
}

}  // namespace incipit::launcher
