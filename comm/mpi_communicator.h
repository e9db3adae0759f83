// Ranks as MPI processes. Host memory only: the MPI library is not asked to know GPUs.
#pragma once

#include <cstddef>
#include <memory>

#include "comm/communicator.h"
#include "comm/mpi_environment.h"

namespace incipit::comm {

struct MpiOptions {
  // Most elements handed to MPI in one call, whose counts are ints.
  std::size_t max_count = std::size_t{1} << 30;
};

// The world of MPI, as a duplicate of MPI_COMM_WORLD with MPI_ERRORS_RETURN. All operations
// are non-blocking ones, polled until the context's timeout. Sets context->world_rank.
// Collective; the main thread alone uses what comes out.
[[nodiscard]] std::unique_ptr<Communicator> make_mpi_world(
    std::shared_ptr<MpiEnvironment> environment, std::shared_ptr<CommContext> context,
    const MpiOptions& options = {});

}  // namespace incipit::comm
