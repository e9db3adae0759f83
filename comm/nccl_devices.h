// The assignment of GPUs to ranks.
#pragma once

#include "comm/communicator.h"
#include "comm/nccl_api.h"

namespace incipit::comm {

// Throws ConfigError on every rank if one of them has no GPU number `device`, or if two use the
// same GPU; NCCL's own message says less. Collective over `ranks` (host memory).
void require_own_devices(Communicator& ranks, const NcclApi& api, int device);

}  // namespace incipit::comm
