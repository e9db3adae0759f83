#include "comm/world.h"

#include <algorithm>
#include <utility>

#include "comm/mpi_communicator.h"
#include "comm/nccl.h"
#include "comm/single.h"
#include "core/error.h"
#include "core/launch.h"

namespace incipit::comm {
namespace {

// Ranks that share cores take seconds to load their libraries, whatever the timeout of an
// operation.
constexpr std::chrono::milliseconds kLeastStart = std::chrono::seconds(15);

void require_size(const Communicator& world, const MeshOptions& options) {
  if (options.world == 0 || world.size() == options.world) return;
  throw ConfigError("parallel.world: expected " + std::to_string(options.world) +
                    " ranks, but the world has " + std::to_string(world.size()) +
                    (world.size() == 1
                         ? "; if several were started, their launcher does not connect them (is "
                           "mpirun of the same Open MPI as the library?)"
                         : "; start as many, or change the key"));
}

std::unique_ptr<Communicator> make_backend(const MeshOptions& options,
                                           std::shared_ptr<CommContext> context) {
  context->timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(options.timeout_seconds));
  const Launch launch = read_launch();
  if (options.backend == "single" && launch.size > 1) {
    throw ConfigError("parallel.backend: single is for one rank, but " +
                      std::to_string(launch.size) +
                      " were started; use mpi or nccl, or start without mpirun");
  }
  if (options.backend == "single" || (options.backend == "auto" && !launch.parallel)) {
    return make_single("world", std::move(context));
  }
  const bool nccl = options.backend == "nccl";
  auto world =
      nccl && !launch.parallel
          ? make_single("world", std::move(context))
          : make_mpi_world(
                std::make_shared<MpiEnvironment>(std::max(context->timeout, kLeastStart)), context);
  if (!nccl) return world;
  const int device = world->local_rank("choice of a GPU").rank;
  return make_nccl_world(std::move(world), {.device = device});
}

// Without a common PMI, every process believes that it is alone.
void require_launched_size(int world_size) {
  const auto launched = launched_size();
  if (!launched || launched->size == world_size) return;
  throw ConfigError(launched->variable + " says that " + std::to_string(launched->size) +
                    " processes were started, but MPI sees " + std::to_string(world_size) +
                    (world_size == 1 ? " rank" : " ranks") +
                    ": the launcher and this program's Open MPI do not work together; start with "
                    "Open MPI's mpirun, or with srun --mpi=pmix (srun --mpi=list shows what there "
                    "is)");
}

}  // namespace

std::unique_ptr<Communicator> make_world(const MeshOptions& options,
                                         std::shared_ptr<CommContext> context) {
  require_valid(options);
  auto world = make_backend(options, std::move(context));
  require_launched_size(world->size());
  require_size(*world, options);
  return world;
}

}  // namespace incipit::comm
