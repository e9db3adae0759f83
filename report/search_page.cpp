#include "report/search_page.h"

#include <utility>
#include <vector>

#include "report/line_chart.h"
#include "report/page_skeleton.h"
#include "report/plain_table.h"
#include "report/search_texts.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

using eval::SearchResults;
using eval::ShownWords;
using eval::WordOutcome;

LineChart loss_chart(const SearchResults& results, const char* title, double ShownWords::*loss) {
  LineChart chart{.title = title,
                  .x_title = "forward passes",
                  .unit = "",
                  .lines = {},
                  .level = Level{.name = "start", .y = results.outcomes.front().words.*loss},
                  .exact = true};
  for (std::size_t i = 1; i < results.outcomes.size(); ++i) {
    const WordOutcome& outcome = results.outcomes[i];
    Line line{.name = outcome.name, .colour = static_cast<int>(i) - 1, .points = {}, .dots = true};
    for (const ShownWords& step : outcome.steps) {
      line.points.push_back({static_cast<double>(step.passes), step.*loss});
    }
    chart.lines.push_back(std::move(line));
  }
  return chart;
}

void write_loss_charts(Html& page, const SearchResults& results) {
  {
    const auto list = page.element("ul", {{"class", "legend"}});
    for (std::size_t i = 1; i < results.outcomes.size(); ++i) {
      const auto item = page.element("li", {{"class", coloured("run", static_cast<int>(i) - 1)}});
      page.leaf("span", results.outcomes[i].name);
    }
  }
  const auto charts = page.element("div", {{"class", "charts"}});
  draw(page,
       loss_chart(results, "Training loss of the best words so far", &ShownWords::train_loss));
  draw(page, loss_chart(results, "Their validation loss", &ShownWords::validation_loss));
}

void write_steps(Html& page, const WordOutcome& outcome) {
  TableRows rows;
  for (const ShownWords& step : outcome.steps) {
    rows.push_back({telemetry::grouped(step.passes), telemetry::fixed(step.train_loss, 4),
                    telemetry::fixed(step.validation_loss, 4), words_text(step.texts)});
  }
  const auto details = page.element("details");
  page.leaf("summary", "Every improvement: " + outcome.name);
  write_table(page, {"passes", "train loss", "validation loss", "words"}, rows, false);
}

}  // namespace

std::string search_page(const SearchResults& results) {
  return whole_page("Search over words: " + results.task, [&](Html& page) {
    {
      const auto header = page.element("header");
      page.leaf("p", {{"class", "mark"}}, "incipit search");
      page.leaf("h1", results.task);
      page.leaf("p", {{"class", "soft"}}, search_title(results));
    }
    write_loss_charts(page, results);
    page.leaf("h2", "What was found");
    write_table(page, outcome_header(results), outcome_rows(results), true);
    for (const WordOutcome& outcome : results.outcomes) {
      page.leaf("p", outcome.name + ": " + words_text(outcome.words.texts));
    }
    for (const std::string& gain : gain_texts(results)) {
      page.leaf("p", {{"class", "soft"}}, gain + ".");
    }
    for (const WordOutcome& outcome : results.outcomes) {
      if (!outcome.steps.empty()) write_steps(page, outcome);
    }
  });
}

}  // namespace incipit::report
