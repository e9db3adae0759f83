// Scores as cells of a table: every metric of the task and, last, how sure the accuracy is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/task.h"
#include "eval/evaluation.h"

namespace incipit::launcher {

// The same for metrics of any tasks.
void add_score_heads(std::vector<std::string>& header, const std::vector<std::string>& names);
void add_scores(std::vector<std::string>& row, const std::vector<std::string>& names,
                const eval::Metrics& metrics, std::int64_t examples);

// Appends the heads of the columns that add_scores() fills.
void add_score_heads(std::vector<std::string>& header, const data::Task& task);

// Appends the metrics, and Wilson's 95 % interval of an accuracy; "-" for what is not there.
void add_scores(std::vector<std::string>& row, const data::Task& task, const eval::Metrics& metrics,
                std::int64_t examples);

}  // namespace incipit::launcher
