#include "launcher/engine.h"

#include <string_view>

#include "comm/guarded_main.h"
#include "core/launch.h"
#include "core/memory.h"
#include "core/stop_request.h"
#include "launcher/program.h"

namespace incipit::launcher {
namespace {

// Returns what the first signal does. A training run can be started again, so it leaves with exit
// code 75 (docs/checkpoints.md). Other commands are terminated by the signal.
OnSignal on_first_signal(int argc, const char* const* argv) {
  const bool trains = argc > 1 && std::string_view(argv[1]) == "train";
  return trains ? OnSignal::kLeave : OnSignal::kEnd;
}

}  // namespace

int run_engine(int argc, char** argv) {
  // Never destroyed: a signal must not end a process whose results are already written.
  [[maybe_unused]] static const auto& signals =
      *new StopSignals(on_first_signal(argc, argv), /*announce=*/read_launch().rank == 0);
  keep_freed_memory();
  return comm::guarded_main([&] { return run_program(argc, argv); });
}

}  // namespace incipit::launcher
