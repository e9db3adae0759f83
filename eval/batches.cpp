#include "eval/batches.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"
#include "data/sampler.h"

namespace incipit::eval {

Batches plan_batches(const data::Dataset& dataset, std::span<const std::int64_t> rows,
                     std::int64_t batch_rows, int ranks) {
  INCIPIT_CHECK(static_cast<std::int64_t>(rows.size()) == dataset.size());
  Batches plan;
  plan.order.resize(dataset.size());
  std::iota(plan.order.begin(), plan.order.end(), 0);
  std::stable_sort(plan.order.begin(), plan.order.end(), [&](std::int64_t a, std::int64_t b) {
    return std::ranges::lexicographical_compare(dataset.source(a), dataset.source(b));
  });
  std::vector<std::int64_t> ordered;
  for (const std::int64_t index : plan.order) {
    ordered.push_back(std::max<std::int64_t>(rows[index], 1));
  }
  const std::int64_t total = std::accumulate(ordered.begin(), ordered.end(), std::int64_t{0});
  const auto up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const std::int64_t batches = std::max<std::int64_t>(up(up(total, batch_rows), ranks), 1) * ranks;
  const std::int64_t longest =
      ordered.empty() ? 0 : *std::max_element(ordered.begin(), ordered.end());
  plan.begins =
      data::split_by_tokens(ordered, std::min(batch_rows, up(total, batches) + longest / 2));
  return plan;
}

}  // namespace incipit::eval
