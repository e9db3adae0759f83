// Agreement of ranks on configuration, model and data before work starts.
#pragma once

#include <string_view>

#include "comm/communicator.h"

namespace incipit::comm {

// Checks that all ranks pass the same text: readable ("rte.yaml: train.steps: 300\n...") or a hash.
// Every rank receives every text. If they differ, throws ConfigError on every rank. The message
// names `what` ("configuration", "tokenizer"), the world ranks that differ from rank 0 of the
// communicator, and the first line that differs. Collective.
void require_same(Communicator& ranks, std::string_view what, std::string_view fingerprint);

}  // namespace incipit::comm
