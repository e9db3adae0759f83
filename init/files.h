// Contents of the files that `incipit init` writes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "configs/run_config.h"
#include "init/labelled_table.h"
#include "init/task_plan.h"

namespace incipit::init {

// Returns a run's YAML with comments on the keys that people change first. `about` is its first
// comment. It contains the keys of `config` that most runs set; of the task, only the name and the
// files.
[[nodiscard]] std::string run_yaml(const configs::RunConfig& config, const std::string& about);

// Returns a task file: files, template, verbalizer, lengths, metrics.
[[nodiscard]] std::string task_yaml(const data::TaskOptions& options, const std::string& about);

// Returns the rows of `part` as JSON Lines: {"idx":7,"message":"...","label":"roads"}; idx is the
// record's number in its file.
[[nodiscard]] std::string split_lines(const LabelledTable& table, const TaskPlan& plan,
                                      const std::vector<int>& parts, int part);

}  // namespace incipit::init
