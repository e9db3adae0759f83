// Top-level error handling of a program that may be one of many ranks.
#pragma once

#include <functional>

namespace incipit::comm {

// Runs `body` and returns its result. If it throws, prints one line to standard error and returns
// the exit code of the exception (core/error.h). If MPI runs in this process, ends the whole job
// with that code instead, so that no rank waits for this one. Ranks other than 0 wait a second
// before they print: a fault on all ranks is then reported once, by rank 0, which ends the others.
// If communication failed, every rank prints at once where it was, and then waits for ranks that
// time out a little later before it ends the job.
[[nodiscard]] int guarded_main(const std::function<int()>& body) noexcept;

}  // namespace incipit::comm
