// Making sure, before work starts and at its turns, that all ranks mean the same.
#pragma once

#include <string_view>

#include "comm/communicator.h"

namespace incipit::comm {

// Collective. Throws ConfigError on every rank unless all passed the same text: the
// message names `what` ("configuration", "tokenizer"), the world ranks that differ from
// rank 0 of the communicator, and the first line in which they do. Pass readable text
// ("rte.yaml: train.steps: 300\n...") or a hash; every rank receives every text.
void require_same(Communicator& ranks, std::string_view what, std::string_view fingerprint);

// Collective. True on every rank when any passed true: a signal seen, a number not finite.
[[nodiscard]] bool any_rank(Communicator& ranks, bool mine, Operation purpose);

}  // namespace incipit::comm
