// What is not wrong with a task but surprises people: the warnings of `incipit validate`.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/task.h"

namespace incipit::data {

// A sentence each, for
//  - verbalizers of different token counts, when `sum_of_tokens` scores them: length then
//    speaks before meaning;
//  - candidates of which one begins another;
//  - verbalizers that the tokenizer would join with the end of the source: of the first
//    `records` records of the train file (else test), how many sources joined with
//    their answers tokenise differently than apart;
//  - examples of the splits that were cut, bad records, and texts in two splits.
// Throws DataError as reading does.
[[nodiscard]] std::vector<std::string> task_warnings(const Task& task, const Splits& splits,
                                                     bool sum_of_tokens,
                                                     std::int64_t records = 200);

}  // namespace incipit::data
