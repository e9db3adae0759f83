// Chooses the few-shot examples of a task among its training examples.
#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"
#include "data/record.h"
#include "data/task.h"

namespace incipit::data {

// Draws `count` examples by `seed` and returns their indices in the order in which they are shown.
// Balanced: labels are drawn in turn, so they occur equally often where possible; the result is
// then shuffled. Throws DataError when there are fewer than `count` examples.
[[nodiscard]] std::vector<std::int64_t> draw_demonstrations(const Dataset& train,
                                                            std::int64_t count, ShotChoice choice,
                                                            std::uint64_t seed);

// Returns the indices of the few-shot examples that `options` ask for, in the order in which they
// are shown: those of shot_lines, or drawn by shot_seed (auto: `seed`). Throws DataError when there
// are too few, and ConfigError when a line of shot_lines is no training example or given twice.
[[nodiscard]] std::vector<std::int64_t> choose_demonstrations(const TaskOptions& options,
                                                              const Dataset& train,
                                                              std::uint64_t seed);

// Reads the records of examples of `train`, in the order of `indices`. Throws DataError as reading
// does.
[[nodiscard]] std::vector<Record> demonstration_records(const Task& task, const Dataset& train,
                                                        const std::vector<std::int64_t>& indices);

}  // namespace incipit::data
