// Rates measured from an earlier run, for `incipit plan`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "configs/run_config.h"
#include "plan/plan.h"

namespace incipit::launcher {

// Returns the workload of a configuration's step with `example_rows` rows per example. 0:
// task.max_source_tokens plus two rows for an answer, or what the prompt leaves of the model's
// positions.
[[nodiscard]] plan::Workload planned_workload(const configs::RunConfig& config,
                                              const model::ModelSpec& spec,
                                              std::int64_t example_rows);

// Returns the shape of a model, given its folder or a config.json.
[[nodiscard]] model::ModelSpec planned_shape(const std::filesystem::path& model);

struct MeasuredRates {
  double flops = 0;                 // operations per second of a rank, excluding waiting
  std::optional<double> bandwidth;  // bytes per second, including ranks' waiting; one rank: none
  std::int64_t example_rows = 0;    // average
};

// Returns the rates of the mean step of an `incipit train` run, without its first two steps. Throws
// DataError when the run has no other steps or its files are missing.
[[nodiscard]] MeasuredRates rates_of_run(const std::filesystem::path& run_dir);

}  // namespace incipit::launcher
