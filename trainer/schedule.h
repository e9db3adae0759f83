// The learning rate as a pure function of the step.
#pragma once

#include <cstdint>

#include "trainer/train_options.h"

namespace incipit::trainer {

// Returns the factor on the learning rate at `step` (0-based) of `total_steps`. Warm-up rises
// linearly, (step + 1) / warmup_steps, to 1. Then constant stays at 1, while linear and cosine
// decay over the remaining steps towards final_ratio. They would reach it at step `total_steps`,
// one past the last.
[[nodiscard]] double schedule_factor(const ScheduleOptions& options, std::int64_t step,
                                     std::int64_t total_steps);

}  // namespace incipit::trainer
