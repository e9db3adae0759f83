#include "launcher/commands/ls.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "configs/builtin.h"
#include "launcher/arguments.h"
#include "launcher/output.h"

namespace incipit::launcher {
namespace {

Facts described(std::span<const configs::BuiltinFile> files) {
  Facts facts;
  for (const auto& file : files) facts.emplace_back(file.name, file.description());
  return facts;
}

void run_ls() {
  const Style style = Style::of_stdout();
  const auto section = [&](const char* title, const Facts& facts) {
    std::cout << style.bold(title) << '\n';
    print_facts(std::cout, style, facts);
  };
  section("tasks (task.name)", described(configs::builtin_tasks()));
  section("recipes (incipit train NAME)", described(configs::builtin_recipes()));
  section("wordings (incipit compare CONFIG --wordings NAME)",
          described(configs::builtin_wordings()));
  section("methods (method.kind)",
          {{"prompt_tuning", "learned vectors in front of the input (Lester et al. 2021)"},
           {"none", "the model as it is, for evaluation"}});
}

}  // namespace

void add_ls_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("ls", "List built-in tasks, recipes and methods");
  add_example(*command, "incipit ls");
  command->callback(run_ls);
}

}  // namespace incipit::launcher
