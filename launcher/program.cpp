#include "launcher/program.h"

#define OMPI_SKIP_MPICXX 1

#include <mpi.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/launch.h"
#include "core/log.h"
#include "kernels/cpu/instruction_set.h"
#include "launcher/command_line.h"
#include "launcher/commands/compare.h"
#include "launcher/commands/doctor.h"
#include "launcher/commands/eval.h"
#include "launcher/commands/explain.h"
#include "launcher/commands/generate.h"
#include "launcher/commands/init.h"
#include "launcher/commands/inspect.h"
#include "launcher/commands/ls.h"
#include "launcher/commands/merge.h"
#include "launcher/commands/order.h"
#include "launcher/commands/plan.h"
#include "launcher/commands/predict.h"
#include "launcher/commands/report.h"
#include "launcher/commands/search.h"
#include "launcher/commands/show.h"
#include "launcher/commands/tokenize.h"
#include "launcher/commands/train.h"
#include "launcher/commands/validate.h"
#include "telemetry/printable_output.h"
#include "telemetry/terminal.h"

namespace incipit::launcher {
namespace {

constexpr const char* kAbout =
    "Trains soft prompts for frozen language models and evaluates prompts, in one process or under "
    "mpirun.";

constexpr const char* kExitCodes =
    "Exit codes: 0 done, 2 wrong usage or configuration, 3 bad data or model file,\n"
    "4 communication failed, 5 numbers not finite,\n"
    "75 stopped by a signal: start the same command again.\n\n"
    "incipit help COMMAND shows what a command takes, as incipit COMMAND --help does.\n\n"
    "Example:\n  mpirun -n 2 incipit train configs/recipes/rte.yaml --set train.steps=50\n";

// Rank 0 reports a mistake that all ranks share; when it exits, mpirun ends the others. While MPI
// is not running that takes a while, so a rank whose mistake the others do not share waits this
// long before reporting it.
constexpr std::chrono::seconds kRankZeroFirst{5};

void let_rank_zero_speak() {
  int mpi_runs = 0;
  MPI_Initialized(&mpi_runs);
  if (mpi_runs == 0 && read_launch().rank != 0) std::this_thread::sleep_for(kRankZeroFirst);
}

// Throws DataError if what was printed could not be written, as on a full disk.
void require_printed() {
  std::cout.flush();
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good()) return;
  throw DataError(std::string("standard output: cannot be written") +
                  (errno != 0 ? std::string(": ") + std::strerror(errno) : ""));
}

// Returns the arguments, with `help COMMAND` as `COMMAND --help`.
std::vector<const char*> without_help_command(int argc, const char* const* argv) {
  std::vector<const char*> words(argv, argv + argc);
  if (argc < 2 || std::string_view(argv[1]) != "help") return words;
  words.erase(words.begin() + 1);
  words.push_back("--help");
  return words;
}

// Returns whether the command's standard output is data, whose bytes another program may read.
bool writes_data(int argc, const char* const* argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  return command == "predict" || command == "generate" || command == "tokenize";
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  log::configure("info", read_launch().rank, read_launch().size);
  std::optional<telemetry::PrintableOutput> printable_output;
  if (!writes_data(argc, argv) || telemetry::is_terminal(STDOUT_FILENO)) {
    printable_output.emplace(std::cout);
  }
  Program program("incipit", kAbout);
  Command& commands = program.commands();
  commands.footer(kExitCodes);
  program.set_version(std::string("incipit ") + INCIPIT_VERSION);
  add_init_command(commands);
  add_train_command(commands);
  add_eval_command(commands);
  add_predict_command(commands);
  add_generate_command(commands);
  add_compare_command(commands);
  add_order_command(commands);
  add_search_command(commands);
  add_explain_command(commands);
  add_validate_command(commands);
  add_plan_command(commands);
  add_report_command(commands);
  add_show_command(commands);
  add_ls_command(commands);
  add_inspect_command(commands);
  add_merge_command(commands);
  add_doctor_command(commands);
  add_tokenize_command(commands);
  try {
    (void)kernels::cpu::instruction_set();  // refuses an unknown INCIPIT_CPU
    const std::vector<const char*> words = without_help_command(argc, argv);
    program.run(static_cast<int>(words.size()), words.data(),
                /*print_help=*/read_launch().rank == 0);
  } catch (const Error&) {
    let_rank_zero_speak();
    throw;
  }
  require_printed();
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace incipit::launcher
