// From the log-likelihoods of a search for an order to its results and their files.
#pragma once

#include <vector>

#include "eval/order_results.h"
#include "eval/order_search.h"
#include "eval/scorer.h"
#include "launcher/session.h"

namespace incipit::launcher {

// Returns the figures of all orders and the chosen one: the best by GlobalE, else on the held-back
// examples. `by_order`: the log-likelihoods of `inputs` after each order of `search`. The caller
// sets `split` and `probes_generated`. Throws DataError as rendering the few-shot examples does.
[[nodiscard]] eval::OrderResults order_outcome(const Session& session,
                                               const eval::OrderSearch& search,
                                               const eval::OrderInputs& inputs,
                                               const std::vector<eval::Likelihoods>& by_order);

// Writes order.json and report.html to the run directory and, if an order was chosen,
// shot_lines.txt and `config` with that order as config.yaml. For rank 0.
void write_order_results(configs::RunConfig config, const eval::OrderResults& results);

}  // namespace incipit::launcher
