// What a run that was made tells of a machine, for `incipit plan`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "configs/run_config.h"
#include "model/plan.h"

namespace incipit::launcher {

// The step of a configuration, with so many rows of an example; 0: task.max_source_tokens and two
// of an answer.
[[nodiscard]] model::Workload planned_workload(const configs::RunConfig& config,
                                               std::int64_t example_rows);

// The shape of a model: its folder, or a config.json.
[[nodiscard]] model::TransformerConfig planned_shape(const std::filesystem::path& model);

struct MeasuredRates {
  double flops = 0;  // operations a second of a rank, while it was not waiting
  std::optional<double>
      bandwidth;                  // bytes a second, waiting for each other included; one rank: none
  std::int64_t example_rows = 0;  // on average
};

// From the mean step of a run of `train`, its first two left out. Throws DataError where the run
// has no others, or its files are not there.
[[nodiscard]] MeasuredRates rates_of_run(const std::filesystem::path& run_dir);

}  // namespace incipit::launcher
