// Report page: training curves.
#include <cmath>

#include "report/line_chart.h"
#include "report/page_parts.h"

namespace incipit::report {
namespace {

using Value = double (*)(const telemetry::StepRecord&);

LineChart of_steps(const Report& report, const std::string& title, const std::string& unit,
                   Value value) {
  LineChart chart{.title = title, .x_title = "step", .unit = unit, .lines = {}, .level = {}};
  for (std::size_t r = 0; r < report.runs.size(); ++r) {
    Line line{.name = report.runs[r].name, .colour = static_cast<int>(r), .points = {}};
    for (const telemetry::StepRecord& step : report.runs[r].steps) {
      line.points.push_back({static_cast<double>(step.step), value(step)});
    }
    if (!line.points.empty()) chart.lines.push_back(std::move(line));
  }
  return chart;
}

// Chart of the first score on the validation split (`validation`).
LineChart of_validation(const Report& report) {
  LineChart chart{.title = "", .x_title = "step", .unit = "%", .lines = {}, .level = {}};
  std::string metric;
  for (std::size_t r = 0; r < report.runs.size(); ++r) {
    Line line{
        .name = report.runs[r].name, .colour = static_cast<int>(r), .points = {}, .dots = true};
    for (const StepScores& scores : report.runs[r].step_scores) {
      if (scores.split != "validation" || scores.scores.empty()) continue;
      if (metric.empty()) metric = scores.scores[0].first;
      for (const auto& [name, score] : scores.scores) {
        if (name == metric) line.points.push_back({static_cast<double>(scores.step), score});
      }
    }
    if (!line.points.empty()) chart.lines.push_back(std::move(line));
    const SplitFigures* validation = report.figures[r].of_split("validation");
    for (const TextFigures& split : report.figures[r].text_splits) {
      if (split.split != "validation" || chart.level) continue;
      for (const TextScore& score : split.scores) {
        if (score.name == metric) {
          chart.level = Level{.name = "constant answer", .y = score.constant};
        }
      }
    }
    if (metric == "accuracy" && validation != nullptr && !chart.level) {
      chart.level = Level{.name = "majority", .y = validation->majority_share};
    }
  }
  if (metric == "loss") chart.unit.clear();
  chart.title = metric + " on validation";
  return chart;
}

void write_legend(Html& page, const Report& report) {
  if (report.runs.size() < 2) return;
  const auto list = page.element("ul", {{"class", "legend"}});
  for (std::size_t r = 0; r < report.runs.size(); ++r) {
    if (report.runs[r].steps.empty()) continue;
    const auto item = page.element("li", {{"class", coloured("run", static_cast<int>(r))}});
    page.leaf("span", report.runs[r].name);
  }
}

}  // namespace

void write_curves(Html& page, const Report& report) {
  std::size_t trained = 0;
  for (const RunData& run : report.runs) trained += run.steps.empty() ? 0 : 1;
  if (trained == 0) return;
  const auto section = page.element("section", {{"id", "curves"}});
  page.leaf("h2", "Training");
  write_legend(page, report);
  const auto charts = page.element("div", {{"class", "charts"}});
  draw(page, of_steps(report, "Loss", "", [](const auto& step) { return step.loss; }));
  draw(page, of_validation(report));
  draw(page,
       of_steps(report, "Gradient norm", "", [](const auto& step) { return step.grad_norm; }));
  LineChart rate =
      of_steps(report, "Learning rate", "", [](const auto& step) { return step.learning_rate; });
  rate.from_zero = true;
  rate.exact = true;
  draw(page, rate);
  LineChart time =
      of_steps(report, "Time of a step", "s", [](const auto& step) { return step.seconds; });
  time.from_zero = true;
  draw(page, time);
}

}  // namespace incipit::report
