#include "launcher/score_cells.h"

#include <algorithm>

#include "data/task_metrics.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

// Returns the value of `name`, or nullptr.
template <typename Value>
const Value* find(const std::vector<std::pair<std::string, Value>>& values,
                  const std::string& name) {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const auto& each) { return each.first == name; });
  return found == values.end() ? nullptr : &found->second;
}

}  // namespace

void add_score_heads(std::vector<std::string>& header, const data::Task& task) {
  add_score_heads(header, eval::metric_names(task));
}

void add_scores(std::vector<std::string>& row, const data::Task& task, const eval::Metrics& metrics,
                const eval::Intervals& intervals) {
  add_scores(row, eval::metric_names(task), metrics, intervals);
}

void add_score_heads(std::vector<std::string>& header, const std::vector<std::string>& names) {
  header.insert(header.end(), names.begin(), names.end());
  for (const std::string& name : names) {
    if (data::has_interval(name)) header.push_back(name + " 95 %");
  }
}

void add_scores(std::vector<std::string>& row, const std::vector<std::string>& names,
                const eval::Metrics& metrics, const eval::Intervals& intervals) {
  for (const std::string& name : names) {
    const double* value = find(metrics, name);
    row.push_back(value == nullptr ? "-" : telemetry::fixed(*value, 4));
  }
  for (const std::string& name : names) {
    if (!data::has_interval(name)) continue;
    const data::Interval* interval = find(intervals, name);
    row.push_back(interval == nullptr ? "-"
                                      : telemetry::fixed(interval->low, 4) + " to " +
                                            telemetry::fixed(interval->high, 4));
  }
}

}  // namespace incipit::launcher
