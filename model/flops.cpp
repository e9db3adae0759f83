#include "model/flops.h"

#include <ATen/ops/ones.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "nn/matmul.h"

namespace incipit::model {
namespace {

// A number of rows, and of the (query, visible key) pairs of these rows.
struct RowCount {
  double rows = 0;
  double pairs = 0;
  void add(std::int32_t position) {
    rows += 1;
    pairs += position + 1.0;  // a row sees its whole path, along which positions count
  }
};

RowCount all_rows(const Forest& forest) {
  RowCount count;
  for (const std::int32_t position : forest.positions) count.add(position);
  return count;
}

RowCount target_rows(const Forest& forest) {
  RowCount count;
  std::int64_t last = -1;
  for (const Target& target : forest.targets) {
    if (target.row != last) count.add(forest.positions[target.row]);
    last = target.row;
  }
  return count;
}

}  // namespace

double training_flops(const TransformerConfig& c, const Forest& forest) {
  const auto product = [](std::int64_t in, std::int64_t out) {
    return 2.0 * static_cast<double>(in * out);
  };
  const double keys_values = product(c.hidden_size, 2 * c.kv_width());
  const double queries = product(c.hidden_size, c.q_width());
  const double rest = queries + product(c.q_width(), c.hidden_size) +
                      product(c.hidden_size, 3 * c.intermediate_size);
  const double pair = 2 * product(c.q_width(), 1);  // query x key, and weight x value

  const RowCount all = all_rows(forest);
  const RowCount targets = target_rows(forest);
  double prompt_rows = 0;
  for (const PromptSpan& span : forest.prompt_spans) prompt_rows += span.count;

  const double layer = all.rows * (keys_values + rest) + all.pairs * pair;
  const double last_layer = all.rows * keys_values + targets.rows * rest + targets.pairs * pair;
  const double logits = targets.rows * product(c.hidden_size, c.vocab_size);
  const double forward = static_cast<double>(c.layers - 1) * layer + last_layer + logits;
  // Backward computes the gradient of every matmul's input, which is as much work as forward. In
  // the first layer, the gradient through keys, values and queries is needed only for prompt rows.
  const double first_queries = (c.layers > 1 ? all.rows : targets.rows) * queries;
  const double needed_queries = std::min(prompt_rows * queries, first_queries);
  const double spared = (all.rows - prompt_rows) * keys_values + first_queries - needed_queries;
  return 2 * forward - spared;
}

double measured_peak_flops(at::ScalarType dtype, at::Device device) {
  using Clock = std::chrono::steady_clock;
  constexpr double kSeconds = 0.2;
  const std::int64_t size = device.is_cpu() ? 1024 : 8192;
  const at::Tensor a = at::ones({size, size}, at::TensorOptions(dtype).device(device));
  const double flops = 2 * std::pow(static_cast<double>(size), 3);
  const auto begin = Clock::now();
  double best = 0;
  do {
    const auto start = Clock::now();
    // Reading a number waits for the device.
    static_cast<void>(nn::matmul_nt(a, a)[0][0].item<float>());
    const std::chrono::duration<double> taken = Clock::now() - start;
    best = std::max(best, flops / taken.count());
  } while (std::chrono::duration<double>(Clock::now() - begin).count() < kSeconds);
  return best;
}

}  // namespace incipit::model
