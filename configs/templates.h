// Prompt templates of one task, to be compared: a YAML list, read as strictly as a configuration.
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

struct PromptTemplate {
  std::string name;        // unique in its list
  data::TaskOptions task;  // the run's task with the template's own keys applied
};

// Declares the keys of one template.
void declare(Schema& schema, PromptTemplate& options);

// A list of prompt templates as text, and its name for messages.
struct TemplatesText {
  std::string source;
  std::string text;
};

// Returns the text of a file, or of the built-in list of this name. Throws ConfigError when there
// is neither, or when the file cannot be read.
[[nodiscard]] TemplatesText read_templates(const std::string& path_or_name);

// Parses a list of prompt templates. Each has a `name` and any of the task's keys `format`,
// `source_prefix`, `template`, `verbalizer`, `candidates`, `target`, `separator` and `system`; the
// others are taken from `base`. `check` reports problems of the resulting task, with keys relative
// to the task. Throws one ConfigError that lists all mistakes.
using TaskCheck = std::function<void(const data::TaskOptions& task, const Report& report)>;
[[nodiscard]] std::vector<PromptTemplate> parse_templates(const TemplatesText& list,
                                                          const data::TaskOptions& base,
                                                          const TaskCheck& check = nullptr);

}  // namespace incipit::configs
