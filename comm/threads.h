// Ranks as threads of one process, for tests of code that communicates.
#pragma once

#include <chrono>
#include <functional>

#include "comm/communicator.h"

namespace incipit::comm {

struct ThreadsOptions {
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  // of one operation
};

// Runs `body` once per rank, each on its own thread, and waits for all of them. If a rank throws,
// or returns while others wait for it, the operations of the others fail at once with CommError.
// The exception thrown first (the cause, not its consequences) is rethrown here. Ranks that call
// different operations, or use different sizes, also fail with CommError.
void run_on_threads(int size, const std::function<void(Communicator&)>& body,
                    const ThreadsOptions& options = {});

}  // namespace incipit::comm
