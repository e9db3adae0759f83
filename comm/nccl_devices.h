// Which rank has which GPU.
#pragma once

#include "comm/communicator.h"
#include "comm/nccl_api.h"

namespace incipit::comm {

// Collective over `ranks` (host memory). Throws ConfigError on every rank when one of them
// has no GPU number `device`, or when two have the same: NCCL refuses that with less words.
void require_own_devices(Communicator& ranks, const NcclApi& api, int device);

}  // namespace incipit::comm
