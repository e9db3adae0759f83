// The results of an order search, and their file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/task.h"
#include "eval/order_figures.h"
#include "eval/order_options.h"
#include "eval/order_search.h"

namespace incipit::eval {

// The orders that a criterion keeps, best first, and the mean of their scores on the queries.
struct OrderPick {
  std::vector<std::size_t> orders;  // indices
  double score = 0;
};

// All figures under one score of candidates.
struct OrderFigures {
  std::string name;               // "raw" or "calibrated"
  std::vector<double> queries;    // the metric on the queries, by order
  std::vector<double> held_back;  // on the held-back split; empty: there is none
  std::vector<double> global;     // entropies over the probes, by order; empty: no search
  std::vector<double> local;
  std::int64_t constant = 0;  // orders that give all queries the same candidate
  Spread spread;              // of `queries`
  RandomControl random;       // of as many random orders as a criterion keeps
  std::optional<OrderPick> by_global;
  std::optional<OrderPick> by_local;
  std::optional<OrderPick> by_held_back;          // chosen with labels: an upper bound
  std::optional<Correlation> global_correlation;  // of the entropy with `queries`
  std::optional<Correlation> local_correlation;
};

// A few-shot example as results show it.
struct ShownDemonstration {
  std::string place;  // its line in the training file, as in task.shot_lines
  std::string label;  // empty: none
  std::string text;   // source and answer
};

struct OrderResults {
  std::string task;
  std::string metric;
  std::string split;  // of the queries: "test" or "validation"
  std::int64_t queries = 0;
  std::optional<double> majority;  // always their most frequent label; nothing: no common labels
  std::int64_t held_back = 0;
  std::int64_t probes_generated = 0;
  std::int64_t probes = 0;                // valid and different
  std::vector<std::string> shown_probes;  // the first five, as the model reads them
  std::int64_t best = 0;                  // orders that a criterion keeps
  std::int64_t possible = 0;              // orders of the examples
  std::int64_t rows = 0;                  // of few-shot examples, computed
  std::int64_t rows_without_sharing = 0;
  std::vector<ShownDemonstration> demonstrations;  // orders are of their indices
  std::vector<Order> orders;
  std::vector<OrderFigures> figures;  // raw, calibrated
  // The order with the highest GlobalE under figures[chosen_by]; without a search, the best on the
  // held-back split; else none.
  std::optional<std::size_t> chosen;
  std::size_t chosen_by = 0;
};

// Computes the figures. `by_order` are the log-likelihoods of inputs.all() of each order. `score`
// is what raw scores count; pmi and calibrated count as sum. Throws DataError when the metric
// cannot be computed.
[[nodiscard]] OrderFigures measure_orders(const data::Task& task, const OrderInputs& inputs,
                                          const std::vector<Likelihoods>& by_order, Score score,
                                          bool calibrated, const OrderOptions& options,
                                          std::uint64_t seed);

// Returns the examples of an order as task.shot_lines takes them: "[12, 3]".
[[nodiscard]] std::string shot_lines(const OrderResults& results, std::size_t order);

// Returns the results as JSON (order.json), and reads them. read_orders() throws DataError naming
// `source` on other text.
[[nodiscard]] std::string orders_json(const OrderResults& results);
[[nodiscard]] OrderResults read_orders(const std::string& json, const std::string& source);

}  // namespace incipit::eval
