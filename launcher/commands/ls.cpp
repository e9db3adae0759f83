#include "launcher/commands/ls.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "configs/builtin.h"
#include "launcher/arguments.h"
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

void add_ls_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("ls", "List built-in tasks, recipes and methods");
  add_example(*command, "incipit ls");
  command->callback(run_ls);
}

}  // namespace incipit::launcher
