#include "report/page.h"

#include "report/page_parts.h"

namespace incipit::report {
namespace {

// Content policy: even unescaped text could not load anything.
constexpr std::string_view kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

std::string title_of(const Report& report) {
  if (report.runs.size() == 1) return report.runs[0].name;
  return report.comparison->methods[report.comparison->best].name + " and " +
         std::to_string(report.comparison->methods.size() - 1) + " others";
}

// With several runs, the curves are in one plot above all runs.
void write_run(Html& page, const Report& report, std::size_t r) {
  const RunData& run = report.runs[r];
  const RunFigures& figures = report.figures[r];
  if (run.diagnosis) write_diagnosis(page, *run.diagnosis);
  write_scores(page, figures);
  write_text_scores(page, figures);
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
  Html page;
  page.trusted("<!DOCTYPE html>\n");
  {
    const auto html = page.element("html", {{"lang", "en"}});
    {
      const auto head = page.element("head");
      page.single("meta", {{"charset", "utf-8"}});
      page.single("meta",
                  {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
      page.single("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", kPolicy}});
      page.leaf("title", title_of(report) + " - incipit report");
      const auto style = page.element("style");
      page.trusted(page_style());
    }
    const auto body = page.element("body");
    {
      const auto main = page.element("main");
      write_head(page, report);
      if (report.comparison) write_comparison(page, *report.comparison);
      write_learning_curves(page, report);
      if (report.runs.size() > 1) write_curves(page, report);
      write_runs(page, report);
    }
    const auto script = page.element("script");
    page.trusted(page_script());
  }
  return page.markup();
}

}  // namespace incipit::report
