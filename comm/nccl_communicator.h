// The nccl backend on a given table of functions. make_nccl_world() (comm/nccl.h) passes the real
// one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "comm/communicator.h"
#include "comm/nccl.h"
#include "comm/nccl_api.h"

namespace incipit::comm {

struct NcclLimits {
  // How long an abort may take before the process exits.
  std::chrono::milliseconds abort_timeout = std::chrono::seconds(10);
  // How long finalising may take before NCCL is aborted.
  std::chrono::milliseconds finalize_timeout = std::chrono::seconds(30);
  // Ends the process: _exit(4), unless a test sets another function.
  std::function<void()> hard_exit{};
};

[[nodiscard]] std::unique_ptr<Communicator> make_nccl_communicator(
    std::unique_ptr<Communicator> control, std::shared_ptr<const NcclApi> api,
    const NcclOptions& options, const NcclLimits& limits = {});

}  // namespace incipit::comm
