// Scores as table cells: every metric of the task and then the confidence intervals of those that
// have one.
#pragma once

#include <string>
#include <vector>

#include "data/task.h"
#include "eval/evaluation.h"

namespace incipit::launcher {

// Appends the headers of the columns that add_scores() fills.
void add_score_heads(std::vector<std::string>& header, const data::Task& task);

// Appends the metrics and their 95 % intervals; "-" for missing values.
void add_scores(std::vector<std::string>& row, const data::Task& task, const eval::Metrics& metrics,
                const eval::Intervals& intervals);

// The same for the metrics `names`, for any tasks.
void add_score_heads(std::vector<std::string>& header, const std::vector<std::string>& names);
void add_scores(std::vector<std::string>& row, const std::vector<std::string>& names,
                const eval::Metrics& metrics, const eval::Intervals& intervals);

}  // namespace incipit::launcher
