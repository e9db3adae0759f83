// The signals that ask a run to stop.
#pragma once

#include <csignal>

namespace incipit {

inline constexpr int kStopSignals[] = {SIGTERM, SIGUSR1, SIGINT};

}  // namespace incipit
