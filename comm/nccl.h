// Ranks on GPUs: NCCL for device memory.
//
// What moves data between two GPUs (exchange, start_all_gather and the rest over several ranks)
// has been compiled but not run: only worlds of one GPU could be tested.
#pragma once

#include <memory>

#include "comm/communicator.h"

namespace incipit::comm {

struct NcclOptions {
  int device = 0;                   // this rank's GPU, as the CUDA runtime numbers them
  void* producer_stream = nullptr;  // cudaStream_t that writes the buffers; null: the default
};

// Whether this build has the backend (the headers of NCCL and CUDA were there).
[[nodiscard]] bool has_nccl() noexcept;

// Collective. Device memory goes over NCCL, on a stream of its own that waits for what
// producer_stream was given before the call; host memory goes over `control`. NCCL and the
// CUDA runtime are loaded here, so that a build with NCCL runs where there is none.
// Creation, operations and destruction are non-blocking ones, polled until the context's
// timeout; a failure aborts NCCL on a helper thread and, when even that hangs, ends the
// process with exit code 4. Throws ConfigError, on every rank, when this build has no NCCL,
// a library or GPU is missing, or several ranks have the same GPU.
[[nodiscard]] std::unique_ptr<Communicator> make_nccl_world(std::unique_ptr<Communicator> control,
                                                            const NcclOptions& options);

}  // namespace incipit::comm
