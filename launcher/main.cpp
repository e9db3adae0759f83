#include <string_view>

#include "comm/guarded_main.h"
#include "core/launch.h"
#include "core/memory.h"
#include "core/stop_request.h"
#include "launcher/program.h"

namespace {

// Returns what the first signal does. A training run can be started again, so it leaves with exit
// code 75 (docs/checkpoints.md). Other commands are terminated by the signal.
incipit::OnSignal on_first_signal(int argc, const char* const* argv) {
  const bool trains = argc > 1 && std::string_view(argv[1]) == "train";
  return trains ? incipit::OnSignal::kLeave : incipit::OnSignal::kEnd;
}

}  // namespace

int main(int argc, char** argv) {
  // Never destroyed: a signal must not end a process whose results are already written.
  [[maybe_unused]] static const auto& signals = *new incipit::StopSignals(
      on_first_signal(argc, argv), /*announce=*/incipit::read_launch().rank == 0);
  incipit::keep_freed_memory();
  return incipit::comm::guarded_main([&] { return incipit::launcher::run_program(argc, argv); });
}
