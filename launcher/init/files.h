// The files that `incipit init` writes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "configs/run_config.h"
#include "launcher/init/labelled_table.h"
#include "launcher/init/task_plan.h"

namespace incipit::launcher {

// A run's YAML with a word on the keys that people change first; `about` is its first comment.
// Of `config` it holds what most runs set, and of the task the name and the files.
[[nodiscard]] std::string run_yaml(const configs::RunConfig& config, const std::string& about);

// A task file: files, template, verbalizer, lengths, metrics.
[[nodiscard]] std::string task_yaml(const data::TaskOptions& options, const std::string& about);

// The rows of `part` as JSON Lines: {"idx":7,"message":"...","label":"roads"}; idx is the number
// of the record in its file.
[[nodiscard]] std::string split_lines(const LabelledTable& table, const TaskPlan& plan,
                                      const std::vector<int>& parts, int part);

}  // namespace incipit::launcher
