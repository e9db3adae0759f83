// What no single key of a configuration shows: values that do not go together.
#pragma once

#include "configs/run_config.h"

namespace incipit::launcher {

// Both are a configs::Check: they ask every part for its opinion of its own options.
void check_options(const configs::RunConfig& config, const configs::Report& report);
// The same, and what training needs besides.
void check_training_options(const configs::RunConfig& config, const configs::Report& report);

}  // namespace incipit::launcher
