// Making the world: which backend, and what it needs.
#pragma once

#include <memory>

#include "comm/communicator.h"
#include "comm/mesh_options.h"

namespace incipit::comm {

// The communicator of all ranks of this job. Collective; main thread; once per process.
//   auto    mpi when a launcher started the process (comm/launch.h), else single
//   single  one rank; refused under a launcher with several
//   mpi     MPI, also as a world of one without a launcher
//   nccl    NCCL for device memory, on GPU number local rank, and for host memory MPI (or
//           nothing, for one rank without a launcher)
// The context's timeout is set from options.timeout_seconds. Throws ConfigError when the
// backend cannot work here, in words.
[[nodiscard]] std::unique_ptr<Communicator> make_world(
    const MeshOptions& options,
    std::shared_ptr<CommContext> context = std::make_shared<CommContext>());

}  // namespace incipit::comm
