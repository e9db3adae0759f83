// Ranks as threads of one process, for tests of code that talks to other ranks.
#pragma once

#include <chrono>
#include <functional>

#include "comm/communicator.h"

namespace incipit::comm {

struct ThreadsOptions {
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  // of one operation
};

// Runs `body` once per rank, each on a thread of its own, and waits for all of them. A
// rank that throws, or returns while others still wait for it, makes their operations fail
// with CommError at once; the exception thrown first (the cause, not its consequences) is
// rethrown here. Ranks that call different operations, or with different sizes, fail with
// CommError as well.
void run_on_threads(int size, const std::function<void(Communicator&)>& body,
                    const ThreadsOptions& options = {});

}  // namespace incipit::comm
