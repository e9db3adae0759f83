// Report page: prompt templates that were compared.
#include "report/page_parts.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

void write_number(Html& page, const std::optional<double>& value) {
  page.leaf("td", {{"class", "n"}}, value ? percent(*value) : "-");
}

void write_template(Html& page, const TemplateScores& scores, const TemplateLine& line) {
  const bool best = line.name == scores.best;
  const auto row = page.element("tr", {{"class", best ? "best" : "method"}});
  page.leaf("th", {{"scope", "row"}}, line.name);
  if (!line.interval) {
    page.leaf("td", {{"class", "n"}}, telemetry::fixed(line.score, 4));
    page.leaf("td", "");
  } else {
    const auto [low, high] = *line.interval;
    {
      const auto score = page.element("td", {{"class", "n"}});
      page.text(percent(line.score));
      page.leaf("small", percent_range(low, high));
    }
    const auto cell = page.element("td", {{"class", "interval"}});
    write_interval(page, line.score, low, high, scores.majority.value_or(0), best ? 2 : 0);
  }
  write_number(page, line.on_format);
  write_number(page, line.calibration_error);
}

std::string caption(const TemplateScores& scores) {
  std::string text = telemetry::grouped(static_cast<std::int64_t>(scores.templates.size())) +
                     " templates on " + telemetry::grouped(scores.examples) + " " + scores.split +
                     " examples, with 95 % intervals. The best of several is partly the luckiest: "
                     "its test score is the result.";
  if (scores.majority) {
    text += " The thin line marks always answering '" + scores.majority_answer + "'.";
  }
  return text;
}

}  // namespace

void write_templates(Html& page, const RunData& run) {
  if (!run.templates) return;
  const TemplateScores& scores = *run.templates;
  page.leaf("h2", "Templates");
  const auto box = page.element("div", {{"class", "card scroll"}});
  const auto table = page.element("table", {{"class", "wide"}});
  page.leaf("caption", caption(scores));
  {
    const auto head = page.element("thead");
    const auto row = page.element("tr");
    page.leaf("th", {{"scope", "col"}}, "template");
    page.leaf("th", {{"scope", "col"}, {"class", "n"}}, scores.metric);
    page.leaf("th", {{"scope", "col"}, {"class", "interval"}}, "0 to 100 %");
    page.leaf("th", {{"scope", "col"}, {"class", "n"}}, "on format");
    page.leaf("th", {{"scope", "col"}, {"class", "n"}}, "calibration error");
  }
  const auto body = page.element("tbody");
  for (const TemplateLine& line : scores.templates) write_template(page, scores, line);
}

}  // namespace incipit::report
