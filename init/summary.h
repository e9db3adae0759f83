// Output of `incipit init`.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "configs/run_config.h"
#include "init/labelled_table.h"
#include "init/task_plan.h"
#include "telemetry/output.h"

namespace incipit::init {

struct InitSummary {
  const configs::RunConfig& config;
  std::string config_file;
  const LabelledTable& table;
  const TaskPlan& plan;
  const std::vector<int>& parts;  // per row: 0 train, 1 `validation`, 2 test
  const std::vector<std::string>& warnings;
};

// Prints examples, lengths, labels with their answers, warnings and next steps.
void print_init_summary(std::ostream& out, const telemetry::Style& style,
                        const InitSummary& summary);

// Prints the commands that use a configuration.
void print_next_steps(std::ostream& out, const telemetry::Style& style,
                      const std::string& config_file, const configs::RunConfig& config);

}  // namespace incipit::init
