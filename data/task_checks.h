// What is not wrong with a task but surprises people: the warnings of `incipit validate`.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/task.h"

namespace incipit::data {

// A sentence for each split with sources that were cut or records that were skipped, and for each
// two splits that share texts.
[[nodiscard]] std::vector<std::string> split_warnings(const Splits& splits);

// The same, preceded by a sentence
//  - when `sum_of_tokens` scores verbalizers that differ in their number of tokens: length then
//    speaks before meaning; and when the tokens of one begin those of another;
//  - when the first `records` labelled records of train (without one: of test) hold a source that
//    tokenises differently joined with its answer than apart.
// Throws DataError as reading does.
[[nodiscard]] std::vector<std::string> task_warnings(const Task& task, const Splits& splits,
                                                     bool sum_of_tokens,
                                                     std::int64_t records = 200);

}  // namespace incipit::data
