// The learning rate as a pure function of the step.
#pragma once

#include <cstdint>

#include "trainer/train_options.h"

namespace incipit::trainer {

// What multiplies the rate at `step` (0-based) of `total_steps`. Warm-up rises linearly,
// (step + 1) / warmup_steps, to 1; then the kind decides: constant stays at 1, linear and
// cosine fall over the remaining steps towards final_ratio, which step `total_steps`, the
// first one not done, would have.
[[nodiscard]] double schedule_factor(const ScheduleOptions& options, std::int64_t step,
                                     std::int64_t total_steps);

}  // namespace incipit::trainer
