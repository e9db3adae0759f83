#include "report/order_texts.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "telemetry/output.h"

namespace incipit::report {
namespace {

using eval::OrderFigures;
using eval::OrderResults;
using telemetry::fixed;
using telemetry::grouped;

constexpr int kDecimals = 4;

std::string from_to(double low, double high) {
  return fixed(low, kDecimals) + " to " + fixed(high, kDecimals);
}

std::string pick_text(const std::optional<eval::OrderPick>& pick) {
  return pick ? fixed(pick->score, kDecimals) : "-";
}

std::string correlation_text(const std::optional<eval::Correlation>& correlation) {
  if (!correlation) return "-";
  return fixed(correlation->value, 2) + " (95 %: " + fixed(correlation->low, 2) + " to " +
         fixed(correlation->high, 2) + ")";
}

// The place of the order in which the examples were drawn; nothing if it is not among the orders.
std::optional<std::size_t> as_drawn(const OrderResults& results) {
  const auto found =
      std::find_if(results.orders.begin(), results.orders.end(),
                   [](const eval::Order& order) { return std::ranges::is_sorted(order); });
  if (found == results.orders.end()) return std::nullopt;
  return static_cast<std::size_t>(found - results.orders.begin());
}

std::string against_random(const std::string& criterion, const eval::OrderPick& pick,
                           const eval::RandomControl& random) {
  if (pick.score > random.high) return criterion + " keeps better orders than chance does";
  if (pick.score < random.low) return criterion + " keeps worse orders than chance does";
  return criterion + " keeps no better orders than chance may";
}

}  // namespace

std::string example_letter(std::size_t index) {
  constexpr std::size_t kLetters = 26;
  if (index >= kLetters) return std::to_string(index + 1);
  return std::string(1, static_cast<char>('a' + static_cast<int>(index)));
}

std::string order_letters(const eval::Order& order) {
  std::string text;
  for (const int index : order) text += example_letter(static_cast<std::size_t>(index));
  return text;
}

std::string order_title(const OrderResults& results) {
  const auto count = static_cast<std::int64_t>(results.orders.size());
  return (count < results.possible ? grouped(count) + " of " + grouped(results.possible) + " orders"
                                   : grouped(count) + " orders") +
         " of " + std::to_string(results.demonstrations.size()) + " examples on " +
         grouped(results.queries) + " " + results.split + " queries";
}

std::vector<std::vector<std::string>> order_summary(const OrderResults& results) {
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& name,
                       const std::function<std::string(const OrderFigures&)>& text) {
    std::vector<std::string>& row = rows.emplace_back(1, name);
    for (const OrderFigures& figures : results.figures) row.push_back(text(figures));
  };
  const std::string kept = ", best " + std::to_string(results.best);
  add("mean of all orders", [](const OrderFigures& f) {
    return fixed(f.spread.mean, kDecimals) + " (sd " + fixed(f.spread.deviation, kDecimals) + ")";
  });
  if (results.majority) {
    add("always the queries' most frequent label",
        [&](const OrderFigures&) { return fixed(*results.majority, kDecimals); });
    add("orders that give all queries one label",
        [](const OrderFigures& f) { return grouped(f.constant); });
  }
  add("worst to best",
      [](const OrderFigures& f) { return from_to(f.spread.lowest, f.spread.highest); });
  if (const auto drawn = as_drawn(results)) {
    add("as drawn, " + order_letters(results.orders[*drawn]),
        [drawn](const OrderFigures& f) { return fixed(f.queries[*drawn], kDecimals); });
  }
  if (results.chosen) {
    add("chosen, " + order_letters(results.orders[*results.chosen]),
        [&](const OrderFigures& f) { return fixed(f.queries[*results.chosen], kDecimals); });
  }
  add("random " + std::to_string(results.best), [](const OrderFigures& f) {
    return fixed(f.random.mean, kDecimals) + " (95 %: " + from_to(f.random.low, f.random.high) +
           ")";
  });
  if (results.probes > 0) {
    add("GlobalE" + kept, [](const OrderFigures& f) { return pick_text(f.by_global); });
    add("LocalE" + kept, [](const OrderFigures& f) { return pick_text(f.by_local); });
  }
  if (results.held_back > 0) {
    add("held back" + kept, [](const OrderFigures& f) { return pick_text(f.by_held_back); });
  }
  if (results.probes > 0) {
    add("rank correlation, GlobalE",
        [](const OrderFigures& f) { return correlation_text(f.global_correlation); });
    add("rank correlation, LocalE",
        [](const OrderFigures& f) { return correlation_text(f.local_correlation); });
  }
  return rows;
}

std::string verdict_text(const OrderResults& results) {
  const OrderFigures& f = results.figures.front();
  std::string text;
  const auto add = [&](const std::string& criterion, const std::optional<eval::OrderPick>& pick) {
    if (!pick) return;
    text += (text.empty() ? "" : "; ") + against_random(criterion, *pick, f.random);
  };
  add("GlobalE", f.by_global);
  add("LocalE", f.by_local);
  return text.empty() ? text : text + " (" + f.name + ", on these queries)";
}

std::string probes_text(const OrderResults& results) {
  return grouped(results.probes) + " of " + grouped(results.probes_generated) +
         " generated inputs are kept: long enough, and no duplicates";
}

std::string sharing_text(const OrderResults& results) {
  const double saved =
      1 - static_cast<double>(results.rows) / static_cast<double>(results.rows_without_sharing);
  return grouped(results.rows) + " rows of few-shot examples computed in place of " +
         grouped(results.rows_without_sharing) + " (" + fixed(saved * 100, 1) + " % saved)";
}

std::string chosen_text(const OrderResults& results) {
  const bool searched = results.probes > 0;
  return order_letters(results.orders[*results.chosen]) +
         (searched ? ", the highest GlobalE (" : ", the best on the held-back split (") +
         results.figures[results.chosen_by].name + ")";
}

}  // namespace incipit::report
