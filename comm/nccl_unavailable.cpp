// Replaces the nccl backend in builds without the headers of NCCL and CUDA.
#include "comm/nccl.h"
#include "core/error.h"

namespace incipit::comm {

bool has_nccl() noexcept { return false; }

std::unique_ptr<Communicator> make_nccl_world(std::unique_ptr<Communicator>, const NcclOptions&) {
  throw ConfigError(
      "parallel.backend: nccl is not in this build, because the headers of NCCL and the CUDA "
      "runtime were not found when it was configured; run scripts/setup.sh and build again, "
      "or use mpi");
}

}  // namespace incipit::comm
