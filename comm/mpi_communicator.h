// Ranks as MPI processes. Host memory only: the MPI library need not be CUDA-aware.
#pragma once

#include <cstddef>
#include <memory>

#include "comm/communicator.h"
#include "comm/mpi_environment.h"

namespace incipit::comm {

struct MpiOptions {
  // Maximum number of elements in one MPI call, whose counts are ints.
  std::size_t max_count = std::size_t{1} << 30;
};

// Returns a communicator on a duplicate of MPI_COMM_WORLD with MPI_ERRORS_RETURN. All operations
// are non-blocking and polled until the context's timeout. Sets context->world_rank. The result may
// be used only on the main thread. Collective.
[[nodiscard]] std::unique_ptr<Communicator> make_mpi_world(
    std::shared_ptr<MpiEnvironment> environment, std::shared_ptr<CommContext> context,
    const MpiOptions& options = {});

}  // namespace incipit::comm
