// Ranks on GPUs: NCCL for device memory.
//
// Not tested yet: transfers between two GPUs. Operations over several ranks are tested with ranks,
// streams and events faked on the host (tests/support/fake_gpus.h).
#pragma once

#include <memory>

#include "comm/communicator.h"

namespace incipit::comm {

struct NcclOptions {
  int device = 0;                   // this rank's GPU: its CUDA device number
  void* producer_stream = nullptr;  // cudaStream_t that writes the buffers; null: the default
};

// Returns whether this build has the backend (the headers of NCCL and CUDA were found).
[[nodiscard]] bool has_nccl() noexcept;

// Returns a communicator that transfers device memory with NCCL and host memory with `control`.
// NCCL has its own stream, which waits for the work submitted to producer_stream before the call;
// work submitted there after the call waits for NCCL. The host does not wait
// (Communicator::wait_until).
// NCCL and the CUDA runtime are loaded here, so that a build with NCCL runs on machines without it.
// Creation, operations and destruction are non-blocking and polled until the context's timeout. A
// failure aborts NCCL on a helper thread; if that hangs too, the process exits with code 4. Throws
// ConfigError on every rank if this build has no NCCL, if a library or GPU is missing, or if
// several ranks use the same GPU. Collective.
[[nodiscard]] std::unique_ptr<Communicator> make_nccl_world(std::unique_ptr<Communicator> control,
                                                            const NcclOptions& options);

}  // namespace incipit::comm
