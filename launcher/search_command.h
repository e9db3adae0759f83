// What `incipit order` and `incipit search` have in common: their arguments, and how they print.
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>

#include "launcher/arguments.h"
#include "telemetry/output.h"

namespace incipit::launcher {

class Command;

struct SearchArguments {
  ConfigArguments config;
  std::string output;  // the run directory; empty: run.output_dir with -COMMAND
  bool json = false;
};

// Adds CONFIG, --set, --task, --output and --json to `command`, which is called `name`.
void add_search_arguments(Command& command, SearchArguments& arguments, const std::string& name);

// Loads the configuration of the search `name`: one task, the frozen model, and the run directory
// of the search. `check` is as in load_config().
[[nodiscard]] configs::RunConfig load_search(const SearchArguments& arguments,
                                             const std::string& name, const configs::Check& check);

// Prints results and returns facts to print after them.
using PrintSearch =
    std::function<telemetry::Facts(std::ostream& out, const telemetry::Style& style)>;

// Prints the results of the search in `dir` on standard output: as `print` does and with the places
// of page and run, or, with --json, the object `json` with the place of the run. For rank 0.
void print_search_results(const SearchArguments& arguments, const std::filesystem::path& dir,
                          const std::string& json, const PrintSearch& print);

}  // namespace incipit::launcher
