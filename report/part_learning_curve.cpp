// Report page: score against training examples.
#include <string>

#include "report/line_chart.h"
#include "report/page_parts.h"

namespace incipit::report {
namespace {

LineChart chart_of(const Report& report) {
  const Comparison& comparison = *report.comparison;
  LineChart chart{
      .title = comparison.title + " against training examples",
      .x_title = "training examples",
      .unit = "%",
      .lines = {},
      .level = Level{.name = comparison.methods[0].name, .y = comparison.methods[0].score},
      .exact = true,
      .log_x = true};
  for (std::size_t c = 0; c < report.curves.size(); ++c) {
    const LearningCurve& curve = report.curves[c];
    const int colour = static_cast<int>(c);
    Line mean{.name = curve.name + ", mean", .colour = colour, .points = {}};
    std::vector<Line> runs;
    for (const CurvePoint& point : curve.points) {
      const Method& method = comparison.methods[point.method];
      const auto x = static_cast<double>(point.examples);
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

void write_legend(Html& page, const std::vector<LearningCurve>& curves) {
  if (curves.size() < 2) return;
  const auto list = page.element("ul", {{"class", "legend"}});
  for (std::size_t c = 0; c < curves.size(); ++c) {
    const auto item = page.element("li", {{"class", coloured("run", static_cast<int>(c))}});
    page.leaf("span", curves[c].name);
  }
}

}  // namespace

void write_learning_curves(Html& page, const Report& report) {
  if (report.curves.empty()) return;
  const auto section = page.element("section", {{"id", "learning-curve"}});
  page.leaf("h2", "Training examples");
  page.leaf("p", {{"class", "soft"}},
            "Each dot is a run; the line joins the means. Vertical lines are the 95 % intervals of "
            "the comparison.");
  write_legend(page, report.curves);
  const auto charts = page.element("div", {{"class", "charts"}});
  draw(page, chart_of(report));
}

}  // namespace incipit::report
