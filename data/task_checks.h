// Warnings of `incipit validate`: settings that are valid but may surprise.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/task.h"

namespace incipit::data {

// Returns a sentence for each split with truncated sources or skipped records, and for each pair of
// splits that share texts.
[[nodiscard]] std::vector<std::string> split_warnings(const Splits& splits);

// Returns those warnings, preceded by a sentence for each of the following:
//   - `sum_of_tokens` is set and verbalizers differ in their number of tokens, so length affects
//     the score; or the tokens of one verbalizer begin those of another
//   - among the first `records` labelled records of train (without one: of test), a source has
//     other tokens together with its answer than separately
// Throws DataError as reading does.
[[nodiscard]] std::vector<std::string> task_warnings(const Task& task, const Splits& splits,
                                                     bool sum_of_tokens,
                                                     std::int64_t records = 200);

}  // namespace incipit::data
