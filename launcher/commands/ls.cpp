#include "launcher/commands/ls.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "configs/builtin.h"
#include "launcher/arguments.h"
#include "launcher/command_line.h"
#include "launcher/json_output.h"
#include "methods/method_options.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

telemetry::Facts described(std::span<const configs::BuiltinFile> files) {
  telemetry::Facts facts;
  for (const auto& file : files) facts.emplace_back(file.name, file.description());
  return facts;
}

telemetry::Facts methods_described() {
  telemetry::Facts facts;
  for (const auto& [name, meaning] : methods::method_names()) facts.emplace_back(name, meaning);
  return facts;
}

void run_ls(bool json) {
  if (json) {
    print_json({{"tasks", facts_json(described(configs::builtin_tasks()))},
                {"recipes", facts_json(described(configs::builtin_recipes()))},
                {"templates", facts_json(described(configs::builtin_templates()))},
                {"methods", facts_json(methods_described())}});
    return;
  }
  const telemetry::Style style = telemetry::Style::of_stdout();
  const auto section = [&](const char* title, const telemetry::Facts& facts) {
    std::cout << style.bold(title) << '\n';
    telemetry::print_facts(std::cout, style, facts);
  };
  section("tasks (task.name)", described(configs::builtin_tasks()));
  section("recipes (incipit train NAME)", described(configs::builtin_recipes()));
  section("templates (incipit compare CONFIG --templates NAME)",
          described(configs::builtin_templates()));
  section("methods (method.kind)", methods_described());
}

}  // namespace

void add_ls_command(Command& program) {
  Command* command = program.add_subcommand("ls", "List built-in tasks, recipes and methods");
  const auto json = std::make_shared<bool>(false);
  add_json_flag(*command, *json);
  command->example("incipit ls");
  command->callback([json] { run_ls(*json); });
}

}  // namespace incipit::launcher
