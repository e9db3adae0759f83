// Wordings of one task, to be compared: a YAML list, read as strictly as a configuration.
//
//   - name: question
//     template: "{text}\nWhich office must act?"
//   - {name: asked politely, format: chat, system: "You sort mail.", template: "..."}
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "configs/run_config.h"

namespace incipit::configs {

struct Wording {
  std::string name;        // unique in its list
  data::TaskOptions task;  // those of the run's task, with the wording's own keys over them
};

// A list's name for messages and its text.
struct WordingsText {
  std::string source;
  std::string text;
};

// The text of a file, or of the built-in wordings of this name. Throws ConfigError when there is
// neither, or the file cannot be read.
[[nodiscard]] WordingsText read_wordings(const std::string& path_or_name);

// Every wording has a `name` and keys of `task`: `template`, `format`, `verbalizer`, `target` and
// `system`; what it does not give is as in `base`. `check` reports what is wrong with the task
// of a wording, with keys relative to the task. Throws one ConfigError that lists all mistakes.
using TaskCheck = std::function<void(const data::TaskOptions& task, const Report& report)>;
[[nodiscard]] std::vector<Wording> parse_wordings(const WordingsText& list,
                                                  const data::TaskOptions& base,
                                                  const TaskCheck& check = nullptr);

}  // namespace incipit::configs
