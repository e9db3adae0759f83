#include "model/partition.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "core/check.h"
#include "core/error.h"

namespace incipit::model {
namespace {

// Return the number of parameters of a layer per query head, key/value head and MLP column.
std::int64_t head_numbers(const AttentionSpec& a, std::int64_t hidden) {
  return a.head_dim * (2 * hidden + (a.query.bias ? 1 : 0));
}
std::int64_t kv_head_numbers(const AttentionSpec& a, std::int64_t hidden) {
  return a.head_dim * (2 * hidden + (a.key.bias ? 1 : 0) + (a.value.bias ? 1 : 0));
}
std::int64_t column_numbers(const MlpSpec& mlp, std::int64_t hidden) {
  const std::int64_t inputs = mlp.gate ? 2 : 1;
  return (inputs + 1) * hidden + (mlp.up.bias ? inputs : 0);
}

void assign_heads(const AttentionSpec& a, std::vector<LayerShare>& shares) {
  const auto ranks = static_cast<int>(shares.size());
  const std::int64_t group = a.heads / a.kv_heads;  // query heads of a key/value head
  if (ranks <= a.kv_heads) {
    for (int r = 0; r < ranks; ++r) {
      shares[r].kv_heads = even_part(a.kv_heads, ranks, r);
      shares[r].heads = {shares[r].kv_heads.begin * group, shares[r].kv_heads.end * group};
    }
    return;
  }
  for (int g = 0; g < a.kv_heads; ++g) {
    const Range owners = even_part(ranks, static_cast<int>(a.kv_heads), g);
    for (std::int64_t r = owners.begin; r < owners.end; ++r) {
      const Range part =
          even_part(group, static_cast<int>(owners.size()), static_cast<int>(r - owners.begin));
      shares[r].kv_heads = {g, g + 1};
      shares[r].heads = {g * group + part.begin, g * group + part.end};
    }
  }
}

// Returns the columns per rank that give all ranks equally many parameters. Ranks whose heads
// already have more than that get none, and the others divide the columns again.
std::vector<double> wanted_columns(double per_column, std::int64_t width,
                                   const std::vector<double>& attention) {
  std::vector<double> columns(attention.size(), 0.0);
  std::vector<bool> full(attention.size(), false);
  for (std::size_t round = 0; round < attention.size(); ++round) {
    double weights = per_column * static_cast<double>(width);
    double open = 0;
    for (std::size_t r = 0; r < attention.size(); ++r) {
      if (full[r]) continue;
      weights += attention[r];
      open += 1;
    }
    bool changed = false;
    for (std::size_t r = 0; r < attention.size(); ++r) {
      columns[r] = full[r] ? 0 : (weights / open - attention[r]) / per_column;
      if (columns[r] >= 0) continue;
      full[r] = true;
      changed = true;
    }
    if (!changed) break;
  }
  return columns;
}

void assign_columns(const LayerSpec& layer, std::int64_t hidden, std::vector<LayerShare>& shares) {
  std::vector<double> attention;
  const int attentions = layer.cross ? 2 : 1;
  for (const LayerShare& share : shares) {
    attention.push_back(static_cast<double>(
        attentions * (share.heads.size() * head_numbers(layer.attention, hidden) +
                      share.kv_heads.size() * kv_head_numbers(layer.attention, hidden))));
  }
  const std::int64_t width = layer.mlp.width;
  const std::vector<double> wanted =
      wanted_columns(static_cast<double>(column_numbers(layer.mlp, hidden)), width, attention);
  // Matmuls are faster for widths that fill vectors; small models need a finer grain.
  constexpr std::int64_t kGrain = 8;
  const auto ranks = static_cast<std::int64_t>(shares.size());
  const bool coarse = width % kGrain == 0 && width >= 16 * kGrain * ranks;
  const std::int64_t grain = coarse ? kGrain : 1;
  double sum = 0;
  std::int64_t begin = 0;
  for (std::size_t r = 0; r < shares.size(); ++r) {
    sum += wanted[r];
    const auto rounded = static_cast<std::int64_t>(sum / static_cast<double>(grain) + 0.5) * grain;
    const std::int64_t end = r + 1 == shares.size() ? width : std::clamp(rounded, begin, width);
    shares[r].columns = {begin, end};
    begin = end;
  }
}

}  // namespace

Range even_part(std::int64_t total, int parts, int index) {
  const std::int64_t size = total / parts;
  const std::int64_t larger = total % parts;
  const auto begin = [&](std::int64_t i) { return i * size + std::min(i, larger); };
  return {begin(index), begin(index + 1)};
}

std::vector<LayerShare> split_layer(const LayerSpec& layer, std::int64_t hidden_size, int ranks) {
  INCIPIT_CHECK(ranks >= 1, "tensor ranks: ", ranks);
  const std::int64_t heads = layer.attention.heads;
  if (ranks > heads) {
    throw ConfigError("parallel.tensor: " + std::to_string(ranks) + " ranks, but the model has " +
                      std::to_string(heads) + " attention heads to split; set it to " +
                      std::to_string(heads) + " or less");
  }
  std::vector<LayerShare> shares(ranks);
  assign_heads(layer.attention, shares);
  assign_columns(layer, hidden_size, shares);
  return shares;
}

std::vector<Range> split_outputs(std::int64_t outputs, int ranks) {
  if (ranks > outputs) {
    throw ConfigError("parallel.tensor: " + std::to_string(ranks) + " ranks, but the model has " +
                      std::to_string(outputs) + " outputs to split; set it to " +
                      std::to_string(outputs) + " or less");
  }
  std::vector<Range> shares;
  for (int r = 0; r < ranks; ++r) shares.push_back(even_part(outputs, ranks, r));
  return shares;
}

std::vector<Range> split_layers(std::int64_t layers, int stages) {
  INCIPIT_CHECK(stages >= 1, "pipeline stages: ", stages);
  if (stages > layers) {
    throw ConfigError("parallel.pipeline: " + std::to_string(stages) +
                      " stages, but the model has " + std::to_string(layers) +
                      " layers to split; set it to " + std::to_string(layers) + " or less");
  }
  // The remaining layers go to the stages from the middle outwards, one each.
  std::vector<int> order(stages);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const auto from_end = [&](int s) { return std::min(s, stages - 1 - s); };
    return from_end(a) > from_end(b);
  });
  std::vector<std::int64_t> counts(stages, layers / stages);
  for (std::int64_t i = 0; i < layers % stages; ++i) ++counts[order[i]];
  std::vector<Range> parts;
  std::int64_t begin = 0;
  for (const std::int64_t count : counts) {
    parts.push_back({begin, begin + count});
    begin += count;
  }
  return parts;
}

Partition partition_of(const ModelSpec& spec, int stages, int stage, int ranks, int rank) {
  INCIPIT_CHECK(stage >= 0 && stage < stages && rank >= 0 && rank < ranks);
  Partition part{.layers = split_layers(spec.layer_count(), stages)[stage],
                 .shares = {},
                 .vocabulary = even_part(spec.vocab_size, ranks, rank),
                 .outputs = split_outputs(spec.outputs(), ranks)[rank],
                 .embeds = stage == 0,
                 .scores = stage + 1 == stages};
  for (std::int64_t i = part.layers.begin; i < part.layers.end; ++i) {
    part.shares.push_back(split_layer(spec.layers[i], spec.hidden_size, ranks)[rank]);
  }
  return part;
}

}  // namespace incipit::model
