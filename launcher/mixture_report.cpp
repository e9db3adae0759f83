#include "launcher/mixture_report.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "core/text.h"
#include "data/task_metrics.h"
#include "launcher/score_cells.h"

namespace incipit::launcher {
namespace {

constexpr std::int64_t kNumberBytes = 4;  // float32

template <typename T>
void add_new(std::vector<T>& list, const T& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

std::string score_text(const std::optional<double>& score) {
  return score ? telemetry::fixed(*score, 4) : "-";
}

std::vector<std::string> metrics_of(std::span<const TaskScores> scores) {
  std::vector<std::string> names;
  for (const TaskScores& each : scores) {
    for (const std::string& name : eval::metric_names(*each.task->task)) add_new(names, name);
  }
  return names;
}

// SuperGLUE reports its diagnostics but excludes them from the score.
bool counts(const data::LoadedTask& task) {
  const std::string& file = task.task->options().submission.file;
  return file != "AX-b.jsonl" && file != "AX-g.jsonl";
}

std::string times_text(double low, double high) {
  const std::string most = telemetry::grouped(std::llround(high));
  return std::llround(low) == std::llround(high)
             ? most
             : telemetry::grouped(std::llround(low)) + " to " + most;
}

}  // namespace

std::optional<double> overall_score(std::span<const eval::Metrics* const> tasks) {
  std::vector<std::vector<double>> values;
  for (const eval::Metrics* metrics : tasks) {
    auto& own = values.emplace_back();
    for (const auto& [name, value] : *metrics) {
      if (eval::higher_is_better(name)) own.push_back(value);
    }
  }
  const double score = data::overall_score(values);
  if (std::isnan(score)) return std::nullopt;
  return score;
}

void print_task_scores(std::ostream& out, const telemetry::Style& style,
                       std::span<const TaskScores> scores) {
  const std::vector<std::string> names = metrics_of(scores);
  std::vector<std::string> header{"task", "split", "examples"};
  add_score_heads(header, names);
  header.emplace_back("mean");
  telemetry::Table table(header);
  std::vector<std::string> splits;
  for (const TaskScores& each : scores) {
    std::vector<std::string> row{each.task->name, each.split, telemetry::grouped(each.examples)};
    add_scores(row, names, *each.metrics, *each.intervals);
    const std::vector<const eval::Metrics*> alone{each.metrics};
    row.push_back(score_text(overall_score(alone)));
    table.add(std::move(row));
    add_new(splits, each.split);
  }
  for (const std::string& split : splits) {
    std::vector<const eval::Metrics*> tasks;
    std::int64_t examples = 0;
    for (const TaskScores& each : scores) {
      if (each.split != split || !counts(*each.task)) continue;
      tasks.push_back(each.metrics);
      examples += each.examples;
    }
    std::vector<std::string> row{"all", split, telemetry::grouped(examples)};
    row.resize(header.size() - 1, "-");
    row.push_back(score_text(overall_score(tasks)));
    table.add(std::move(row));
  }
  table.print(out, style);
}

std::string prompt_cost(std::span<const std::int64_t> bytes, std::size_t tasks,
                        std::int64_t parameters) {
  const auto copy = static_cast<double>(kNumberBytes * parameters);
  const auto least = static_cast<double>(*std::min_element(bytes.begin(), bytes.end()));
  const auto most = static_cast<double>(*std::max_element(bytes.begin(), bytes.end()));
  if (bytes.size() == 1 && tasks > 1) {
    const double copies = copy * static_cast<double>(tasks);
    return human_bytes(most) + " for " + std::to_string(tasks) +
           " tasks; a tuned copy of the model for each would be " + human_bytes(copies) + ": " +
           times_text(copies / most, copies / most) + " times as much";
  }
  const std::string each =
      least == most ? human_bytes(most) : human_bytes(least) + " to " + human_bytes(most);
  return each + " a task; a tuned copy of the model would be " + human_bytes(copy) + ": " +
         times_text(copy / most, copy / least) + " times as much";
}

}  // namespace incipit::launcher
