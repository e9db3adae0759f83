#include "launcher/score_cells.h"

#include <algorithm>
#include <cmath>

#include "data/task_metrics.h"
#include "launcher/output.h"

namespace incipit::launcher {
namespace {

std::string interval_of(double accuracy, std::int64_t examples) {
  const auto right = std::llround(accuracy * static_cast<double>(examples));
  const data::Interval bounds = data::wilson_interval(right, examples);
  return fixed(bounds.low, 4) + " to " + fixed(bounds.high, 4);
}

}  // namespace

void add_score_heads(std::vector<std::string>& header, const data::Task& task) {
  add_score_heads(header, eval::metric_names(task));
}

void add_scores(std::vector<std::string>& row, const data::Task& task, const eval::Metrics& metrics,
                std::int64_t examples) {
  add_scores(row, eval::metric_names(task), metrics, examples);
}

void add_score_heads(std::vector<std::string>& header, const std::vector<std::string>& names) {
  for (const std::string& metric : names) header.push_back(metric);
  header.emplace_back("accuracy 95 %");
}

void add_scores(std::vector<std::string>& row, const std::vector<std::string>& names,
                const eval::Metrics& metrics, std::int64_t examples) {
  std::string interval = "-";
  for (const std::string& name : names) {
    const auto found = std::find_if(metrics.begin(), metrics.end(),
                                    [&](const auto& each) { return each.first == name; });
    row.push_back(found == metrics.end() ? "-" : fixed(found->second, 4));
    if (found != metrics.end() && name == "accuracy") {
      interval = interval_of(found->second, examples);
    }
  }
  row.push_back(std::move(interval));
}

}  // namespace incipit::launcher
