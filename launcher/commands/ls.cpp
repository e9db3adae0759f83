#include "launcher/commands/ls.h"

#include <iostream>

#include "configs/builtin.h"
#include "launcher/arguments.h"
#include "launcher/command_line.h"
#include "methods/method_options.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

telemetry::Facts described(std::span<const configs::BuiltinFile> files) {
  telemetry::Facts facts;
  for (const auto& file : files) facts.emplace_back(file.name, file.description());
  return facts;
}

void run_ls() {
  const telemetry::Style style = telemetry::Style::of_stdout();
  const auto section = [&](const char* title, const telemetry::Facts& facts) {
    std::cout << style.bold(title) << '\n';
    telemetry::print_facts(std::cout, style, facts);
  };
  section("tasks (task.name)", described(configs::builtin_tasks()));
  section("recipes (incipit train NAME)", described(configs::builtin_recipes()));
  section("templates (incipit compare CONFIG --templates NAME)",
          described(configs::builtin_templates()));
  telemetry::Facts methods;
  for (const auto& [name, meaning] : methods::method_names()) methods.emplace_back(name, meaning);
  section("methods (method.kind)", methods);
}

}  // namespace

void add_ls_command(Command& program) {
  Command* command = program.add_subcommand("ls", "List built-in tasks, recipes and methods");
  command->example("incipit ls");
  command->callback(run_ls);
}

}  // namespace incipit::launcher
