// Scores the few-shot examples of a task in several orders on the same inputs.
//
//   OrderSearch search(model, task, demonstrations, options, seed);
//   for each order: search.write_probes(order);
//   OrderInputs inputs(task, queries, held_back, pool_probes(...));
//   for each order: search.score(order, inputs, ...);
//   OrderFigures figures = measure(inputs, likelihoods_by_order, ...);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "eval/content_free.h"
#include "eval/eval_options.h"
#include "eval/order_figures.h"
#include "eval/order_options.h"
#include "eval/scorer.h"
#include "eval/shared_beginning.h"
#include "methods/prompted_model.h"

namespace incipit::eval {

// What all orders are scored on. Datasets other than the queries may be empty.
class OrderInputs {
 public:
  // `queries` and `held_back` are labelled. Throws ConfigError as ContentFree does.
  OrderInputs(const data::Task& task, data::Dataset queries, data::Dataset held_back,
              data::Dataset probes, bool has_prompt);

  [[nodiscard]] const data::Dataset& queries() const { return queries_; }
  [[nodiscard]] const data::Dataset& held_back() const { return held_back_; }
  [[nodiscard]] const data::Dataset& probes() const { return probes_; }
  // Queries, held-back examples, probes, then the inputs without content.
  [[nodiscard]] const data::Dataset& all() const { return all_; }

  // The scores of an order, in the same three parts.
  struct Parts {
    Likelihoods queries;
    Likelihoods held_back;
    Likelihoods probes;
  };
  // Splits the log-likelihoods of all(). With `calibrated`, contextual calibration is applied.
  [[nodiscard]] Parts split(const Likelihoods& likelihoods, bool calibrated) const;

 private:
  data::Dataset queries_;
  data::Dataset held_back_;
  data::Dataset probes_;
  data::Dataset questions_;  // without the inputs without content
  ContentFree content_free_;
  data::Dataset all_;
};

class OrderSearch {
 public:
  // Computes the few-shot examples in all orders, at most options.orders, as one trie.
  // `demonstrations` are those of `task`, which has its tokens without them. The arguments must
  // outlive the object. Throws DataError as reading and ForestPass do. Collective over the ranks
  // that hold one model together.
  OrderSearch(const methods::Prompted& model, const data::Task& task,
              const data::Dataset& demonstrations, const OrderOptions& options, std::uint64_t seed);

  [[nodiscard]] const std::vector<Order>& orders() const { return orders_; }
  // The rows of the few-shot examples: computed, and without shared prefixes.
  [[nodiscard]] std::int64_t rows() const { return beginnings_.rows(); }
  [[nodiscard]] std::int64_t rows_without_sharing() const {
    return beginnings_.rows_without_sharing();
  }

  // Returns the records generated after order `index` (eval/probes.h).
  [[nodiscard]] std::vector<std::string> write_probes(std::size_t index);
  // Returns the log-likelihoods of inputs.all() after order `index`. Collective over `ranks`, as
  // score_candidates(); throws what it throws.
  [[nodiscard]] Likelihoods score(std::size_t index, const OrderInputs& inputs,
                                  const EvalOptions& options, comm::Communicator& ranks,
                                  const ScoringProgress& on_progress = nullptr);

 private:
  const OrderOptions& options_;
  std::uint64_t seed_;
  std::vector<Order> orders_;
  std::vector<data::Task> tasks_;  // by order
  SharedBeginnings beginnings_;
};

}  // namespace incipit::eval
