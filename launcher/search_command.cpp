#include "launcher/search_command.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "launcher/command_line.h"
#include "launcher/json_output.h"

namespace incipit::launcher {

void add_search_arguments(Command& command, SearchArguments& arguments, const std::string& name) {
  add_config_arguments(command, arguments.config);
  add_task_argument(command, arguments.config);
  command
      .add_option("--output", arguments.output,
                  "run directory (default: run.output_dir with -" + name + ")")
      ->type_name("DIR");
  add_json_flag(command, arguments.json);
}

configs::RunConfig load_search(const SearchArguments& arguments, const std::string& name,
                               const configs::Check& check) {
  configs::RunConfig config = load_one_task(arguments.config, check);
  config.method = methods::MethodOptions();
  config.method.kind = methods::kNoMethod;
  config.run.output_dir =
      arguments.output.empty() ? config.run.output_dir + "-" + name : arguments.output;
  return config;
}

void print_search_results(const SearchArguments& arguments, const std::filesystem::path& dir,
                          const std::string& json, const PrintSearch& print) {
  if (arguments.json) {
    nlohmann::ordered_json whole{{"run", dir.string()}};
    whole.update(parse_json<nlohmann::ordered_json>(json));
    return print_json(whole);
  }
  const telemetry::Style style = telemetry::Style::of_stdout();
  telemetry::Facts facts = print(std::cout, style);
  facts.emplace_back("page", (dir / "report.html").string());
  facts.emplace_back("run", dir.string());
  telemetry::print_facts(std::cout, style, facts);
}

}  // namespace incipit::launcher
