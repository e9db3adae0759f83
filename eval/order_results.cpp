#include "eval/order_results.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "eval/evaluation.h"

namespace incipit::eval {
namespace {

OrderPick pick(const std::vector<double>& values, const std::vector<double>& scores,
               std::int64_t best) {
  OrderPick picked{highest(values, best), 0};
  for (const std::size_t order : picked.orders) picked.score += scores[order];
  picked.score /= static_cast<double>(picked.orders.size());
  return picked;
}

double metric_of(const data::Task& task, const data::Dataset& split, Likelihoods scores) {
  const Metrics metrics = answer_metrics(task, split, best_candidates(split, std::move(scores)));
  if (metrics.empty()) {
    throw DataError(split.file() + ": no example has a label; orders are compared by " +
                    metric_names(task).front());
  }
  return metrics.front().second;
}

}  // namespace

OrderFigures measure_orders(const data::Task& task, const OrderInputs& inputs,
                            const std::vector<Likelihoods>& by_order, Score score, bool calibrated,
                            const OrderOptions& options, std::uint64_t seed) {
  OrderFigures figures;
  figures.name = calibrated ? "calibrated" : "raw";
  const auto scored = [&](const data::Dataset& split, Likelihoods likelihoods) {
    if (!calibrated) divide_by_length(score, split, likelihoods);
    return likelihoods;
  };
  for (const Likelihoods& likelihoods : by_order) {
    OrderInputs::Parts parts = inputs.split(likelihoods, calibrated);
    Likelihoods queries = scored(inputs.queries(), std::move(parts.queries));
    if (global_entropy(queries) == 0) ++figures.constant;
    figures.queries.push_back(metric_of(task, inputs.queries(), std::move(queries)));
    if (!inputs.held_back().empty()) {
      figures.held_back.push_back(metric_of(
          task, inputs.held_back(), scored(inputs.held_back(), std::move(parts.held_back))));
    }
    if (inputs.probes().empty()) continue;
    const Likelihoods probes = scored(inputs.probes(), std::move(parts.probes));
    figures.global.push_back(global_entropy(probes));
    figures.local.push_back(local_entropy(probes));
  }
  figures.spread = spread_of(figures.queries);
  figures.random = random_control(figures.queries, options.best, seed);
  if (!figures.held_back.empty()) {
    figures.by_held_back = pick(figures.held_back, figures.queries, options.best);
  }
  if (figures.global.empty()) return figures;
  figures.by_global = pick(figures.global, figures.queries, options.best);
  figures.by_local = pick(figures.local, figures.queries, options.best);
  figures.global_correlation = rank_correlation(figures.global, figures.queries);
  figures.local_correlation = rank_correlation(figures.local, figures.queries);
  return figures;
}

std::string shot_lines(const OrderResults& results, std::size_t order) {
  std::string text;
  for (const int index : results.orders.at(order)) {
    text += (text.empty() ? "[" : ", ") +
            results.demonstrations.at(static_cast<std::size_t>(index)).place;
  }
  return text + "]";
}

}  // namespace incipit::eval
