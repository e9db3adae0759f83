// order.json: the results of an order search.
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "eval/order_results.h"

namespace incipit::eval {
namespace {

using Json = nlohmann::ordered_json;

Json pick_json(const OrderPick& pick) { return {{"orders", pick.orders}, {"score", pick.score}}; }

std::optional<OrderPick> read_pick(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return OrderPick{json.at("orders").get<std::vector<std::size_t>>(), json.at("score")};
}

template <typename Value, typename Write>
Json optional_json(const std::optional<Value>& value, const Write& write) {
  return value ? write(*value) : Json(nullptr);
}

Json correlation_json(const Correlation& each) {
  return {{"spearman", each.value}, {"spearman_95", {each.low, each.high}}};
}

std::optional<Correlation> read_correlation(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return Correlation{json.at("spearman"), json.at("spearman_95").at(0),
                     json.at("spearman_95").at(1)};
}

Json figures_json(const OrderFigures& f) {
  return {{"scores", f.name},
          {"queries", f.queries},
          {"held_back", f.held_back},
          {"global_entropy", f.global},
          {"local_entropy", f.local},
          {"constant_orders", f.constant},
          {"spread",
           {{"mean", f.spread.mean},
            {"sd", f.spread.deviation},
            {"worst", f.spread.lowest},
            {"best", f.spread.highest}}},
          {"picks",
           {{"global_entropy", optional_json(f.by_global, pick_json)},
            {"local_entropy", optional_json(f.by_local, pick_json)},
            {"held_back", optional_json(f.by_held_back, pick_json)},
            {"random", {{"score", f.random.mean}, {"score_95", {f.random.low, f.random.high}}}}}},
          {"correlation",
           {{"global_entropy", optional_json(f.global_correlation, correlation_json)},
            {"local_entropy", optional_json(f.local_correlation, correlation_json)}}}};
}

OrderFigures read_figures(const Json& json) {
  OrderFigures f;
  f.name = json.at("scores").get<std::string>();
  json.at("queries").get_to(f.queries);
  json.at("held_back").get_to(f.held_back);
  json.at("global_entropy").get_to(f.global);
  json.at("local_entropy").get_to(f.local);
  f.constant = json.at("constant_orders");
  const Json& spread = json.at("spread");
  f.spread = {spread.at("mean"), spread.at("sd"), spread.at("worst"), spread.at("best")};
  const Json& picks = json.at("picks");
  f.by_global = read_pick(picks.at("global_entropy"));
  f.by_local = read_pick(picks.at("local_entropy"));
  f.by_held_back = read_pick(picks.at("held_back"));
  const Json& random = picks.at("random");
  f.random = {random.at("score"), random.at("score_95").at(0), random.at("score_95").at(1)};
  f.global_correlation = read_correlation(json.at("correlation").at("global_entropy"));
  f.local_correlation = read_correlation(json.at("correlation").at("local_entropy"));
  return f;
}

Json demonstration_json(const ShownDemonstration& each) {
  return {{"line", each.place}, {"label", each.label}, {"text", each.text}};
}

OrderResults read(const Json& json) {
  OrderResults r;
  r.task = json.at("task").get<std::string>();
  r.metric = json.at("metric").get<std::string>();
  r.split = json.at("split").get<std::string>();
  r.queries = json.at("queries");
  r.held_back = json.at("held_back");
  if (!json.at("majority").is_null()) r.majority = json.at("majority").get<double>();
  r.probes_generated = json.at("probes").at("generated");
  r.probes = json.at("probes").at("valid");
  json.at("probes").at("first").get_to(r.shown_probes);
  r.best = json.at("best");
  r.possible = json.at("possible_orders");
  r.rows = json.at("rows").at("computed");
  r.rows_without_sharing = json.at("rows").at("without_sharing");
  for (const Json& each : json.at("examples")) {
    r.demonstrations.push_back({each.at("line").get<std::string>(),
                                each.at("label").get<std::string>(),
                                each.at("text").get<std::string>()});
  }
  json.at("orders").get_to(r.orders);
  for (const Json& each : json.at("figures")) r.figures.push_back(read_figures(each));
  if (!json.at("chosen").is_null()) r.chosen = json.at("chosen").at("order").get<std::size_t>();
  if (r.chosen) r.chosen_by = json.at("chosen").at("figures");
  return r;
}

}  // namespace

std::string orders_json(const OrderResults& r) {
  Json examples = Json::array();
  for (const ShownDemonstration& each : r.demonstrations) {
    examples.push_back(demonstration_json(each));
  }
  Json figures = Json::array();
  for (const OrderFigures& each : r.figures) figures.push_back(figures_json(each));
  Json json{{"task", r.task},
            {"metric", r.metric},
            {"split", r.split},
            {"queries", r.queries},
            {"held_back", r.held_back},
            {"majority", optional_json(r.majority, [](double value) { return Json(value); })},
            {"probes",
             {{"generated", r.probes_generated}, {"valid", r.probes}, {"first", r.shown_probes}}},
            {"best", r.best},
            {"possible_orders", r.possible},
            {"rows", {{"computed", r.rows}, {"without_sharing", r.rows_without_sharing}}},
            {"examples", examples},
            {"orders", r.orders},
            {"figures", figures},
            {"chosen", nullptr}};
  if (r.chosen) {
    json["chosen"] = {
        {"order", *r.chosen}, {"figures", r.chosen_by}, {"shot_lines", shot_lines(r, *r.chosen)}};
  }
  return dump_json(json, 2) + "\n";
}

OrderResults read_orders(const std::string& text, const std::string& source) {
  try {
    return read(parse_json<Json>(text));
  } catch (const nlohmann::json::exception& error) {
    throw DataError(source + ": is no result of incipit order: " + error.what());
  }
}

}  // namespace incipit::eval
