// Selects the backend and creates the world communicator.
#pragma once

#include <memory>

#include "comm/communicator.h"
#include "comm/mesh_options.h"

namespace incipit::comm {

// Returns the communicator of all ranks of this job, with the backend of options.backend:
//   auto    mpi if a launcher started the process (core/launch.h), else single
//   single  one rank; refused under a launcher with several ranks
//   mpi     MPI, also as a world of one rank without a launcher
//   nccl    NCCL for device memory, on the GPU whose number is the local rank; MPI for host memory
//           (single, for one rank without a launcher)
// Sets the context's timeout from options.timeout_seconds. Throws ConfigError with the reason if
// the backend cannot work here, or if the world does not have options.world ranks. Collective; main
// thread; once per process.
[[nodiscard]] std::unique_ptr<Communicator> make_world(
    const MeshOptions& options,
    std::shared_ptr<CommContext> context = std::make_shared<CommContext>());

}  // namespace incipit::comm
