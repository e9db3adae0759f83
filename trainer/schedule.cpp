#include "trainer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/check.h"

namespace incipit::trainer {

double schedule_factor(const ScheduleOptions& options, std::int64_t step,
                       std::int64_t total_steps) {
  INCIPIT_CHECK(step >= 0, "step ", step);
  if (step < options.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(options.warmup_steps);
  }
  const auto decay_steps =
      static_cast<double>(std::max<std::int64_t>(total_steps - options.warmup_steps, 1));
  const double progress =
      std::min(static_cast<double>(step - options.warmup_steps) / decay_steps, 1.0);
  const double fall = 1.0 - options.final_ratio;
  switch (options.kind) {
    case ScheduleKind::kConstant:
      return 1.0;
    case ScheduleKind::kLinear:
      return options.final_ratio + fall * (1.0 - progress);
    case ScheduleKind::kCosine:
      return options.final_ratio + fall * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  }
  throw LogicError("unknown schedule");
}

}  // namespace incipit::trainer
