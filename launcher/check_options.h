// Checks across keys of a configuration: values that are incompatible.
#pragma once

#include "configs/run_config.h"

namespace incipit::launcher {

// All are a configs::Check. They call each component's check of its own options.
void check_options(const configs::RunConfig& config, const configs::Report& report);
// The same, plus that all inputs share their few-shot examples.
void check_shared_options(const configs::RunConfig& config, const configs::Report& report);
// The same, for commands that use the model's own head.
void check_text_options(const configs::RunConfig& config, const configs::Report& report);
// Both.
void check_shared_text_options(const configs::RunConfig& config, const configs::Report& report);
// The same, plus what training requires.
void check_training_options(const configs::RunConfig& config, const configs::Report& report);

}  // namespace incipit::launcher
