#include "launcher/json_output.h"

#include <iostream>
#include <nlohmann/json.hpp>

namespace incipit::launcher {

void add_json_flag(Command& command, bool& target) {
  command.add_flag("--json", target, "write JSON");
}

void print_json(const nlohmann::ordered_json& json, Letters letters) {
  std::cout << dump_json(json, 2, BadUtf8::kReplace, letters) << '\n';
}

nlohmann::ordered_json facts_json(const telemetry::Facts& facts) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& [name, text] : facts) object[name] = text;
  return object;
}

nlohmann::ordered_json scores_json(const eval::Metrics& metrics, const eval::Intervals& intervals) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& [name, value] : metrics) {
    object[name] = value;
    for (const auto& [of, interval] : intervals) {
      if (of == name) object[name + "_95"] = {interval.low, interval.high};
    }
  }
  return object;
}

}  // namespace incipit::launcher
