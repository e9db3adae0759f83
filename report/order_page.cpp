#include "report/order_page.h"

#include <utility>
#include <vector>

#include "report/line_chart.h"
#include "report/order_texts.h"
#include "report/page_skeleton.h"
#include "report/plain_table.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

using eval::OrderFigures;
using eval::OrderResults;

std::vector<std::size_t> best_first(const OrderFigures& figures) {
  return eval::highest(figures.queries, static_cast<std::int64_t>(figures.queries.size()));
}

std::string order_sentence(const OrderResults& results) {
  const OrderFigures& figures = results.figures.front();
  std::string text = "The order alone moves " + results.metric + " from " +
                     telemetry::fixed(figures.spread.lowest, 4) + " to " +
                     telemetry::fixed(figures.spread.highest, 4) + "; the mean is " +
                     telemetry::fixed(figures.spread.mean, 4) + ".";
  if (figures.by_global) {
    text += " The " + std::to_string(results.best) + " orders with the highest GlobalE have " +
            telemetry::fixed(figures.by_global->score, 4) + "; as many random orders have " +
            telemetry::fixed(figures.random.low, 4) + " to " +
            telemetry::fixed(figures.random.high, 4) + " in 95 % of draws. " +
            verdict_text(results) + ".";
  }
  return text;
}

LineChart spread_chart(const OrderResults& results) {
  LineChart chart{.title = results.metric + " of every order, best first",
                  .x_title = "order",
                  .unit = "",
                  .lines = {},
                  .level = Level{.name = "mean, " + results.figures.front().name,
                                 .y = results.figures.front().spread.mean},
                  .exact = true};
  const auto sorted = best_first(results.figures.front());
  for (std::size_t f = 0; f < results.figures.size(); ++f) {
    Line line{
        .name = results.figures[f].name, .colour = static_cast<int>(f), .points = {}, .dots = true};
    for (std::size_t place = 0; place < sorted.size(); ++place) {
      line.points.push_back(
          {static_cast<double>(place + 1), results.figures[f].queries[sorted[place]]});
    }
    chart.lines.push_back(std::move(line));
  }
  return chart;
}

LineChart entropy_chart(const OrderResults& results, const char* name,
                        std::vector<double> OrderFigures::*entropy) {
  LineChart chart{.title = results.metric + " against " + name,
                  .x_title = std::string(name) + ", nats",
                  .unit = "",
                  .lines = {},
                  .level = {},
                  .exact = true};
  for (std::size_t f = 0; f < results.figures.size(); ++f) {
    const OrderFigures& figures = results.figures[f];
    Line line{.name = figures.name,
              .colour = static_cast<int>(f),
              .points = {},
              .dots = true,
              .joined = false};
    for (std::size_t o = 0; o < figures.queries.size(); ++o) {
      line.points.push_back({(figures.*entropy)[o], figures.queries[o]});
    }
    chart.lines.push_back(std::move(line));
  }
  return chart;
}

void write_charts(Html& page, const OrderResults& results) {
  {
    const auto list = page.element("ul", {{"class", "legend"}});
    for (std::size_t f = 0; f < results.figures.size(); ++f) {
      const auto item = page.element("li", {{"class", coloured("run", static_cast<int>(f))}});
      page.leaf("span", results.figures[f].name);
    }
  }
  const auto charts = page.element("div", {{"class", "charts"}});
  draw(page, spread_chart(results));
  if (results.probes == 0) return;
  draw(page, entropy_chart(results, "GlobalE", &OrderFigures::global));
  draw(page, entropy_chart(results, "LocalE", &OrderFigures::local));
}

void write_orders(Html& page, const OrderResults& results) {
  std::vector<std::string> header{"order"};
  for (const OrderFigures& figures : results.figures) {
    header.push_back(figures.name);
    if (results.held_back > 0) header.push_back("held back, " + figures.name);
    if (results.probes == 0) continue;
    header.push_back("GlobalE, " + figures.name);
    header.push_back("LocalE, " + figures.name);
  }
  TableRows rows;
  for (const std::size_t order : best_first(results.figures.front())) {
    std::vector<std::string>& row = rows.emplace_back(1, order_letters(results.orders[order]));
    for (const OrderFigures& figures : results.figures) {
      const auto add = [&](const std::vector<double>& values) {
        if (!values.empty()) row.push_back(telemetry::fixed(values[order], 4));
      };
      add(figures.queries);
      add(figures.held_back);
      add(figures.global);
      add(figures.local);
    }
  }
  const auto details = page.element("details", {{"open", ""}});
  page.leaf("summary", "Every order");
  write_table(page, header, rows, true);
}

void write_examples(Html& page, const OrderResults& results) {
  page.leaf("h2", "Few-shot examples");
  TableRows rows;
  for (std::size_t i = 0; i < results.demonstrations.size(); ++i) {
    const eval::ShownDemonstration& each = results.demonstrations[i];
    rows.push_back({example_letter(i), each.place, each.label, each.text});
  }
  write_table(page, {"", "line", "label", "text"}, rows, false);
}

void write_probes(Html& page, const OrderResults& results) {
  if (results.shown_probes.empty()) return;
  page.leaf("h2", "The first probes");
  TableRows rows;
  for (const std::string& text : results.shown_probes) rows.push_back({text});
  write_table(page, {"generated input"}, rows, false);
}

void write_notes(Html& page, const OrderResults& results) {
  if (results.probes > 0) {
    page.leaf("p", {{"class", "soft"}},
              probes_text(results) +
                  ". GlobalE is the entropy of the predicted labels over them, LocalE the mean "
                  "entropy of the label's distribution (Lu et al. 2021); neither reads a label.");
  }
  if (results.held_back > 0) {
    page.leaf("p", {{"class", "soft"}},
              "Held back: the best orders on " + telemetry::grouped(results.held_back) +
                  " labelled validation examples: what labels would choose.");
  }
  page.leaf("p", {{"class", "soft"}}, sharing_text(results) + ".");
  if (results.chosen) page.leaf("p", "Chosen: " + chosen_text(results) + ".");
}

}  // namespace

std::string order_page(const OrderResults& results) {
  return whole_page("Orders of few-shot examples: " + results.task, [&](Html& page) {
    {
      const auto header = page.element("header");
      page.leaf("p", {{"class", "mark"}}, "incipit order");
      page.leaf("h1", results.task);
      page.leaf("p", {{"class", "soft"}}, order_title(results));
      page.leaf("p", {{"class", "result"}}, order_sentence(results));
    }
    write_charts(page, results);
    page.leaf("h2", "What the criteria keep");
    std::vector<std::string> header{results.metric};
    for (const OrderFigures& figures : results.figures) header.push_back(figures.name);
    write_table(page, header, order_summary(results), true);
    write_notes(page, results);
    write_orders(page, results);
    write_examples(page, results);
    write_probes(page, results);
  });
}

}  // namespace incipit::report
