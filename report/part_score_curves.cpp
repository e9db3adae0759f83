// Report page: score against training examples and against model parameters.
#include <algorithm>
#include <string>

#include "report/line_chart.h"
#include "report/page_parts.h"

namespace incipit::report {
namespace {

LineChart chart_of(const Report& report, const std::vector<ScoreCurve>& curves,
                   const std::string& x_title) {
  const Comparison& comparison = *report.comparison;
  LineChart chart{
      .title = comparison.title + " against " + x_title,
      .x_title = x_title,
      .unit = "%",
      .lines = {},
      .level = Level{.name = comparison.methods[0].name, .y = comparison.methods[0].score},
      .exact = true,
      .log_x = true};
  for (std::size_t c = 0; c < curves.size(); ++c) {
    const ScoreCurve& curve = curves[c];
    const int colour = static_cast<int>(c);
    Line mean{.name = curve.name + ", mean", .colour = colour, .points = {}};
    std::vector<Line> runs;
    for (const CurvePoint& point : curve.points) {
      const Method& method = comparison.methods[point.method];
      const auto x = static_cast<double>(point.x);
      mean.points.push_back({x, method.score});
      mean.intervals.push_back({method.low, method.high});
      for (std::size_t r = 0; r < method.runs.size(); ++r) {
        runs.push_back({.name = report.runs[method.runs[r]].name,
                        .colour = colour,
                        .points = {{x, method.scores[r]}},
                        .dots = true});
      }
    }
    chart.lines.push_back(std::move(mean));
    for (Line& run : runs) chart.lines.push_back(std::move(run));  // above the line
  }
  return chart;
}

void write_legend(Html& page, const std::vector<ScoreCurve>& curves) {
  if (curves.size() < 2) return;
  const auto list = page.element("ul", {{"class", "legend"}});
  for (std::size_t c = 0; c < curves.size(); ++c) {
    const auto item = page.element("li", {{"class", coloured("run", static_cast<int>(c))}});
    page.leaf("span", curves[c].name);
  }
}

void write_curves_against(Html& page, const Report& report, const std::vector<ScoreCurve>& curves,
                          const std::string& x_title) {
  page.leaf("p", {{"class", "soft"}},
            "Each dot is a run; the line joins the means. Vertical lines are the 95 % intervals of "
            "the comparison.");
  write_legend(page, curves);
  const auto charts = page.element("div", {{"class", "charts"}});
  draw(page, chart_of(report, curves, x_title));
}

bool has_models(const Report& report) {
  return std::any_of(report.runs.begin(), report.runs.end(),
                     [](const RunData& run) { return run.config.has_value(); });
}

}  // namespace

void write_learning_curves(Html& page, const Report& report) {
  if (report.learning_curves.empty()) return;
  const auto section = page.element("section", {{"id", "learning-curve"}});
  page.leaf("h2", "Training examples");
  write_curves_against(page, report, report.learning_curves, "training examples");
}

void write_size_curves(Html& page, const Report& report) {
  if (!report.comparison || !has_models(report)) return;
  const auto section = page.element("section", {{"id", "model-size"}});
  page.leaf("h2", "Model size");
  if (report.size_curves.empty()) {
    page.leaf("p", {{"class", "soft"}},
              "Not measured: no method has runs on models of different sizes.");
    return;
  }
  write_curves_against(page, report, report.size_curves, "parameters of the model");
}

}  // namespace incipit::report
