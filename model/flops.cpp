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
  void add(std::int32_t position, const nn::AttentionRule& rule) {
    rows += 1;
    // A row sees its path, along which positions count, as far as the window reaches.
    pairs += static_cast<double>(
        std::min<std::int64_t>(position + 1, rule.window.value_or(position + 1)));
  }
};

RowCount all_rows(const Forest& forest, const nn::AttentionRule& rule) {
  RowCount count;
  for (const std::int32_t position : forest.positions) count.add(position, rule);
  return count;
}

RowCount target_rows(const Forest& forest, const nn::AttentionRule& rule) {
  RowCount count;
  std::int64_t last = -1;
  for (const Target& target : forest.targets) {
    if (target.row != last) count.add(forest.positions[target.row], rule);
    last = target.row;
  }
  return count;
}

}  // namespace

double training_flops(const ModelSpec& spec, const Forest& forest) {
  const auto product = [](std::int64_t in, std::int64_t out) {
    return 2.0 * static_cast<double>(in * out);
  };
  double prompt_rows = 0;
  for (const PromptSpan& span : forest.prompt_spans) prompt_rows += span.count;

  double forward = target_rows(forest, {}).rows * product(spec.hidden_size, spec.outputs());
  double spared = 0;
  for (const LayerSpec& layer : spec.layers) {
    const AttentionSpec& a = layer.attention;
    const RowCount all = all_rows(forest, a.rule);
    const RowCount targets = target_rows(forest, a.rule);
    const double keys_values = product(spec.hidden_size, 2 * a.kv_width());
    const double queries = product(spec.hidden_size, a.q_width());
    const double rest = queries + product(a.q_width(), spec.hidden_size) +
                        product(spec.hidden_size, (layer.mlp.gate ? 3 : 2) * layer.mlp.width);
    const double pair = 2 * product(a.q_width(), 1);  // query x key, and weight x value
    // The last layer computes keys and values of all rows, and the rest of target rows.
    const RowCount& computed = &layer == &spec.layers.back() ? targets : all;
    forward += all.rows * keys_values + computed.rows * rest + computed.pairs * pair;
    if (&layer != &spec.layers.front()) continue;
    // In the first layer, the gradient through keys, values and queries is needed only for prompt
    // rows.
    const double all_queries = computed.rows * queries;
    spared = (all.rows - prompt_rows) * keys_values + all_queries -
             std::min(prompt_rows * queries, all_queries);
  }
  // Backward computes the gradient of every matmul's input, which is as much work as forward.
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
