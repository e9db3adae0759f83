// What commands print with --json: one JSON object on standard output.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/json.h"
#include "eval/evaluation.h"
#include "launcher/command_line.h"
#include "telemetry/output.h"

namespace incipit::launcher {

// Adds --json. `target` must outlive the parsing.
void add_json_flag(Command& command, bool& target);

// Prints the value, indented, with U+FFFD in the place of what is not UTF-8. Letters::kAscii: for
// texts that may have control characters, which standard output would escape in its own way.
void print_json(const nlohmann::ordered_json& json, Letters letters = Letters::kAll);

// Returns an object of texts.
[[nodiscard]] nlohmann::ordered_json facts_json(const telemetry::Facts& facts);

// {"accuracy":0.57,"accuracy_95":[0.51,0.63]}
[[nodiscard]] nlohmann::ordered_json scores_json(const eval::Metrics& metrics,
                                                 const eval::Intervals& intervals);

}  // namespace incipit::launcher
