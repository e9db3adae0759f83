// GPUs and NCCL, faked on the host. Ranks are threads. Streams are queues, whose work other threads
// run in order. NCCL's operations meet those of the other ranks. All memory is device memory.
//
// A rank's own thread is the stream in which it computes: it computes at once, and waits where that
// stream would wait for an event. Operations take a while, so that a result that is used too early
// is wrong. A transfer ends when both sides run it, and its first one connects the two, for which
// NCCL waits in the host. So operations in an order that can deadlock do, and end in CommError.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "comm/communicator.h"

namespace incipit::testing {

// Runs `body` on every rank as comm::run_on_threads does, on a world of the nccl backend. Ranks are
// stuck when an operation takes longer than `patience`.
void run_on_fake_gpus(int ranks, const std::function<void(comm::Communicator&)>& body,
                      std::chrono::seconds patience = std::chrono::seconds(20));

// Returns what this rank has called since the last call: "all_reduce", "send", "recv", ..., and
// "wait" where later computation waits for an operation.
[[nodiscard]] std::vector<std::string> take_device_calls();

}  // namespace incipit::testing
