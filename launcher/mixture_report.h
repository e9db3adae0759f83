// Output for runs with several tasks.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/evaluation.h"
#include "launcher/session.h"
#include "telemetry/output.h"

namespace incipit::launcher {

struct TaskScores {
  const data::LoadedTask* task = nullptr;
  std::string split;
  std::int64_t examples = 0;
  const eval::Metrics* metrics = nullptr;
  const eval::Intervals* intervals = nullptr;
};

// Returns the mean over tasks of the mean of each task's metrics, as SuperGLUE defines it. A
// metric for which lower is better does not count. Nothing when a task has no other score.
[[nodiscard]] std::optional<double> overall_score(std::span<const eval::Metrics* const> tasks);

// Prints a row per score, and for each split a last row: overall_score() of all tasks except the
// diagnostics AX-b and AX-g.
void print_task_scores(std::ostream& out, const telemetry::Style& style,
                       std::span<const TaskScores> scores);

// Describes the size of soft prompts relative to full copies of a model with `parameters`
// parameters, tuned in float32: "45.0 KiB a task; a tuned copy of the model would be 513.1 MiB:
// 11,676 times as much". `bytes` has one entry per prompt: one for each of the `tasks`, or one for
// all.
[[nodiscard]] std::string prompt_cost(std::span<const std::int64_t> bytes, std::size_t tasks,
                                      std::int64_t parameters);

}  // namespace incipit::launcher
