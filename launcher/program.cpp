#include "launcher/program.h"

#define OMPI_SKIP_MPICXX 1

#include <mpi.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <optional>
#include <string_view>
#include <thread>

#include "core/error.h"
#include "core/launch.h"
#include "core/log.h"
#include "core/text.h"
#include "kernels/cpu/instruction_set.h"
#include "launcher/arguments.h"
#include "launcher/commands/compare.h"
#include "launcher/commands/doctor.h"
#include "launcher/commands/eval.h"
#include "launcher/commands/generate.h"
#include "launcher/commands/init.h"
#include "launcher/commands/inspect.h"
#include "launcher/commands/ls.h"
#include "launcher/commands/plan.h"
#include "launcher/commands/predict.h"
#include "launcher/commands/report.h"
#include "launcher/commands/show.h"
#include "launcher/commands/tokenize.h"
#include "launcher/commands/train.h"
#include "launcher/commands/validate.h"
#include "telemetry/output.h"
#include "telemetry/printable_output.h"

namespace incipit::launcher {
namespace {

constexpr const char* kAbout =
    "Trains soft prompts for frozen language models and evaluates prompts, in one process or under "
    "mpirun.";

constexpr const char* kExitCodes =
    "Exit codes: 0 done, 2 wrong usage or configuration, 3 bad data or model file,\n"
    "4 communication failed, 5 numbers not finite,\n"
    "75 stopped by a signal: start the same command again.\n\n"
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

// Returns the requested command, or the program itself.
const CLI::App& chosen(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app : *commands.front();
}

// Returns whether the command's standard output is data, whose bytes another program may read.
bool writes_data(int argc, const char* const* argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  return command == "predict" || command == "generate" || command == "tokenize";
}

std::string usage_problem(const CLI::App& app, int argc, const char* const* argv,
                          const CLI::ParseError& error) {
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
  }
  const bool no_command = app.get_subcommands().empty();
  const std::string word = argc > 1 ? argv[1] : "";
  std::string message = error.what();
  if (no_command && !word.empty() && word[0] != '-') {
    message = "there is no command '" + word + "'" + did_you_mean(word, known);
  } else if (no_command && word.empty()) {
    message = "a command is missing; there are " + join(known);
  }
  const std::string name = no_command ? "incipit" : "incipit " + chosen(app).get_name();
  return message + " (" + name + " --help shows the usage)";
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  log::configure("info", read_launch().rank, read_launch().size);
  std::optional<telemetry::PrintableOutput> printable_output;
  if (!writes_data(argc, argv) || telemetry::shows_stdout()) printable_output.emplace(std::cout);
  CLI::App app(kAbout, "incipit");
  app.footer(kExitCodes);
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("incipit ") + INCIPIT_VERSION);
  add_init_command(app);
  add_train_command(app);
  add_eval_command(app);
  add_predict_command(app);
  add_generate_command(app);
  add_compare_command(app);
  add_validate_command(app);
  add_plan_command(app);
  add_report_command(app);
  add_show_command(app);
  add_ls_command(app);
  add_inspect_command(app);
  add_doctor_command(app);
  add_tokenize_command(app);
  add_example(*app.get_subcommand("tokenize"),
              "echo 'Two words' | incipit tokenize models/smollm2-135m-instruct");
  try {
    (void)kernels::cpu::instruction_set();  // refuses an unknown INCIPIT_CPU
    app.parse(argc, argv);
  } catch (const CLI::Success& answer) {  // --help, --version
    if (read_launch().rank == 0) (void)app.exit(answer);
  } catch (const CLI::ParseError& error) {
    let_rank_zero_speak();
    throw ConfigError(usage_problem(app, argc, argv, error));
  } catch (const Error&) {
    let_rank_zero_speak();
    throw;
  }
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace incipit::launcher
