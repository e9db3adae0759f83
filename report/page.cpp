#include "report/page.h"

#include "report/page_parts.h"
#include "report/page_skeleton.h"

namespace incipit::report {
namespace {

std::string title_of(const Report& report) {
  if (report.runs.size() == 1) return report.runs[0].name;
  if (!report.distilled.empty()) {
    return std::to_string(report.runs.size()) + " distilled prompts";
  }
  return report.comparison->methods[report.comparison->best].name + " and " +
         std::to_string(report.comparison->methods.size() - 1) + " others";
}

// With several runs, the curves are in one plot above all runs.
void write_run(Html& page, const Report& report, std::size_t r) {
  const RunData& run = report.runs[r];
  const RunFigures& figures = report.figures[r];
  if (run.diagnosis) write_diagnosis(page, *run.diagnosis);
  write_templates(page, run);
  write_scores(page, figures);
  write_text_scores(page, figures);
  write_distillation(page, run);
  write_confusion(page, figures);
  if (report.runs.size() == 1) write_curves(page, report);
  write_example(page, figures);
  write_errors(page, figures);
  write_answers(page, figures);
  write_cost(page, run, figures.cost);
}

void write_runs(Html& page, const Report& report) {
  if (report.runs.size() == 1) return write_run(page, report, 0);
  page.leaf("h2", "Run by run");
  for (std::size_t r = 0; r < report.runs.size(); ++r) {
    const RunData& run = report.runs[r];
    const auto details = page.element("details");
    {
      const auto summary = page.element("summary");
      page.text(run.name);
      page.leaf("span", {{"class", "soft"}}, run.dir.string());
    }
    write_run(page, report, r);
  }
}

}  // namespace

std::string render(const Report& report) {
  return whole_page(title_of(report) + " - incipit report", [&](Html& page) {
    write_head(page, report);
    if (report.comparison) write_comparison(page, *report.comparison);
    write_distilled(page, report);
    write_learning_curves(page, report);
    write_size_curves(page, report);
    if (report.runs.size() > 1) write_curves(page, report);
    write_runs(page, report);
  });
}

}  // namespace incipit::report
