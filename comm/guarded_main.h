// The outermost frame of a program that may be one of many ranks.
#pragma once

#include <functional>

namespace incipit::comm {

// Runs `body` and returns what it returns. When it throws, prints one line to standard
// error and returns the exit code that the exception stands for (core/error.h) - or, when
// MPI runs in this process, ends the whole job with that code, so that no rank waits for
// this one. Ranks other than 0 wait a moment before they speak: a fault that all ranks
// share is then told once, by rank 0, which ends them. Where communication failed every rank speaks
// at once and waits for others whose time is up a little later: each tells where it was.
[[nodiscard]] int guarded_main(const std::function<int()>& body) noexcept;

}  // namespace incipit::comm
