#include "launcher/order_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "report/order_texts.h"
#include "telemetry/terminal.h"

namespace incipit::launcher {
namespace {

using eval::OrderFigures;
using eval::OrderResults;
using telemetry::fixed;

// Returns a bar for the value's place between the lowest and the highest.
std::string bar(double value, const eval::Spread& spread) {
  constexpr double kCells = 12;
  const double range = spread.highest - spread.lowest;
  const double share = range > 0 ? (value - spread.lowest) / range : 1;
  std::string text;
  for (int i = 0; i < 1 + static_cast<int>(std::round(share * (kCells - 1))); ++i) text += "━";
  return text;
}

// Returns the criteria that keep the order.
std::string picked_by(const OrderFigures& figures, std::size_t order) {
  std::string text;
  const auto add = [&](const char* name, const std::optional<eval::OrderPick>& pick) {
    if (!pick || std::count(pick->orders.begin(), pick->orders.end(), order) == 0) return;
    text += (text.empty() ? "" : ", ") + std::string(name);
  };
  add("GlobalE", figures.by_global);
  add("LocalE", figures.by_local);
  add("held back", figures.by_held_back);
  return text;
}

void print_examples(std::ostream& out, const telemetry::Style& style, const OrderResults& results) {
  constexpr int kLongest = 90;
  telemetry::Table table({"", "line", "label", "example"});
  for (std::size_t i = 0; i < results.demonstrations.size(); ++i) {
    const eval::ShownDemonstration& each = results.demonstrations[i];
    table.add({report::example_letter(i), each.place, telemetry::visible(each.label),
               telemetry::cut_to_width(telemetry::visible(each.text), kLongest)});
  }
  table.print(out, style);
}

void print_probes(std::ostream& out, const telemetry::Style& style, const OrderResults& results) {
  if (results.shown_probes.empty()) return;
  constexpr int kLongest = 90;
  telemetry::Table table({"the first probes"});
  for (const std::string& text : results.shown_probes) {
    table.add({telemetry::cut_to_width(telemetry::visible(text), kLongest)});
  }
  table.print(out, style);
  out << "\n";
}

void print_table(std::ostream& out, const telemetry::Style& style, const OrderResults& results) {
  constexpr std::size_t kMost = 24;
  const OrderFigures& first = results.figures.front();
  const auto sorted = eval::highest(first.queries, static_cast<std::int64_t>(first.queries.size()));
  const bool searched = !first.global.empty();
  std::vector<std::string> header{"order", first.name, "", results.figures.back().name};
  if (searched) header.insert(header.end(), {"GlobalE", "LocalE"});
  header.emplace_back("kept by (" + first.name + ")");
  telemetry::Table table(header);
  for (std::size_t place = 0; place < sorted.size(); ++place) {
    if (sorted.size() > kMost && place >= kMost / 2 && place + kMost / 2 < sorted.size()) continue;
    const std::size_t order = sorted[place];
    std::vector<std::string> row{
        report::order_letters(results.orders[order]), fixed(first.queries[order], 4),
        bar(first.queries[order], first.spread), fixed(results.figures.back().queries[order], 4)};
    if (searched) {
      row.push_back(fixed(first.global[order], 4));
      row.push_back(fixed(first.local[order], 4));
    }
    row.push_back(picked_by(first, order));
    table.add(std::move(row));
  }
  table.print(out, style);
  if (sorted.size() > kMost) {
    out << style.dim("  the best and the worst " + std::to_string(kMost / 2) + " of " +
                     std::to_string(sorted.size()))
        << "\n";
  }
}

}  // namespace

void print_orders(std::ostream& out, const telemetry::Style& style, const OrderResults& results) {
  out << style.bold(report::order_title(results)) << ", " << results.metric << "\n";
  print_examples(out, style, results);
  out << "\n";
  print_probes(out, style, results);
  print_table(out, style, results);
  out << "\n";
  std::vector<std::string> header{""};
  for (const OrderFigures& figures : results.figures) header.push_back(figures.name);
  telemetry::Table summary(header);
  for (auto& row : report::order_summary(results)) summary.add(std::move(row));
  summary.print(out, style);
}

telemetry::Facts order_facts(const OrderResults& results) {
  telemetry::Facts facts;
  if (results.probes > 0) facts.emplace_back("probes", report::probes_text(results));
  if (const std::string verdict = report::verdict_text(results); !verdict.empty()) {
    facts.emplace_back("verdict", verdict);
  }
  facts.emplace_back("sharing", report::sharing_text(results));
  if (results.chosen) {
    facts.emplace_back("chosen", report::chosen_text(results) + ": --set 'task.shot_lines=" +
                                     eval::shot_lines(results, *results.chosen) + "'");
  }
  return facts;
}

}  // namespace incipit::launcher
