#include "model/partition.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "core/check.h"
#include "core/error.h"

namespace incipit::model {
namespace {

// Returns part `index` of [0, total) split into `parts` parts. Sizes differ by at most one; larger
// parts come first.
Range even_part(std::int64_t total, int parts, int index) {
  const std::int64_t size = total / parts;
  const std::int64_t larger = total % parts;
  const auto begin = [&](std::int64_t i) { return i * size + std::min(i, larger); };
  return {begin(index), begin(index + 1)};
}

// Return the number of attention parameters of a layer per query head and per key/value head.
std::int64_t head_numbers(const TransformerConfig& c) {
  return c.head_dim * (2 * c.hidden_size + (c.qkv_bias ? 1 : 0));
}
std::int64_t kv_head_numbers(const TransformerConfig& c) {
  return 2 * c.head_dim * (c.hidden_size + (c.qkv_bias ? 1 : 0));
}
std::int64_t column_numbers(const TransformerConfig& c) {
  return 3 * c.hidden_size + (c.mlp_bias ? 2 : 0);
}

void assign_heads(const TransformerConfig& c, std::vector<TensorShare>& shares) {
  const auto ranks = static_cast<int>(shares.size());
  const std::int64_t group = c.heads / c.kv_heads;  // query heads of a key/value head
  if (ranks <= c.kv_heads) {
    for (int r = 0; r < ranks; ++r) {
      shares[r].kv_heads = even_part(c.kv_heads, ranks, r);
      shares[r].heads = {shares[r].kv_heads.begin * group, shares[r].kv_heads.end * group};
    }
    return;
  }
  for (int g = 0; g < c.kv_heads; ++g) {
    const Range owners = even_part(ranks, static_cast<int>(c.kv_heads), g);
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
std::vector<double> wanted_columns(const TransformerConfig& c,
                                   const std::vector<double>& attention) {
  const auto per_column = static_cast<double>(column_numbers(c));
  std::vector<double> columns(attention.size(), 0.0);
  std::vector<bool> full(attention.size(), false);
  for (std::size_t round = 0; round < attention.size(); ++round) {
    double weights = per_column * static_cast<double>(c.intermediate_size);
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

void assign_columns(const TransformerConfig& c, std::vector<TensorShare>& shares) {
  std::vector<double> attention;
  for (const TensorShare& share : shares) {
    attention.push_back(static_cast<double>(share.heads.size() * head_numbers(c) +
                                            share.kv_heads.size() * kv_head_numbers(c)));
  }
  const std::vector<double> wanted = wanted_columns(c, attention);
  // Matmuls are faster for widths that fill vectors; small models need a finer grain.
  constexpr std::int64_t kGrain = 8;
  const auto ranks = static_cast<std::int64_t>(shares.size());
  const bool coarse =
      c.intermediate_size % kGrain == 0 && c.intermediate_size >= 16 * kGrain * ranks;
  const std::int64_t grain = coarse ? kGrain : 1;
  double sum = 0;
  std::int64_t begin = 0;
  for (std::size_t r = 0; r < shares.size(); ++r) {
    sum += wanted[r];
    const auto rounded = static_cast<std::int64_t>(sum / static_cast<double>(grain) + 0.5) * grain;
    const std::int64_t end = r + 1 == shares.size()
                                 ? c.intermediate_size
                                 : std::clamp(rounded, begin, c.intermediate_size);
    shares[r].columns = {begin, end};
    begin = end;
  }
}

}  // namespace

std::vector<TensorShare> split_tensor(const TransformerConfig& c, int ranks) {
  INCIPIT_CHECK(ranks >= 1, "tensor ranks: ", ranks);
  if (ranks > c.heads) {
    throw ConfigError("parallel.tensor: " + std::to_string(ranks) + " ranks, but the model has " +
                      std::to_string(c.heads) + " attention heads to split; set it to " +
                      std::to_string(c.heads) + " or less");
  }
  std::vector<TensorShare> shares(ranks);
  assign_heads(c, shares);
  assign_columns(c, shares);
  for (int r = 0; r < ranks; ++r) shares[r].vocabulary = even_part(c.vocab_size, ranks, r);
  return shares;
}

std::vector<Range> split_layers(const TransformerConfig& c, int stages) {
  INCIPIT_CHECK(stages >= 1, "pipeline stages: ", stages);
  if (stages > c.layers) {
    throw ConfigError("parallel.pipeline: " + std::to_string(stages) +
                      " stages, but the model has " + std::to_string(c.layers) +
                      " layers to split; set it to " + std::to_string(c.layers) + " or less");
  }
  // The remaining layers go to the stages from the middle outwards, one each.
  std::vector<int> order(stages);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const auto from_end = [&](int s) { return std::min(s, stages - 1 - s); };
    return from_end(a) > from_end(b);
  });
  std::vector<std::int64_t> counts(stages, c.layers / stages);
  for (std::int64_t i = 0; i < c.layers % stages; ++i) ++counts[order[i]];
  std::vector<Range> layers;
  std::int64_t begin = 0;
  for (const std::int64_t count : counts) {
    layers.push_back({begin, begin + count});
    begin += count;
  }
  return layers;
}

Partition partition_of(const TransformerConfig& config, int stages, int stage, int ranks,
                       int rank) {
  INCIPIT_CHECK(stage >= 0 && stage < stages && rank >= 0 && rank < ranks);
  return {.layers = split_layers(config, stages)[stage],
          .share = split_tensor(config, ranks)[rank],
          .embeds = stage == 0,
          .scores = stage + 1 == stages};
}

TransformerConfig local_config(const TransformerConfig& config, const TensorShare& share) {
  TransformerConfig local = config;
  local.heads = share.heads.size();
  local.kv_heads = share.kv_heads.size();
  local.intermediate_size = share.columns.size();
  return local;
}

std::int64_t layer_matrix_numbers(const TransformerConfig& c) {
  return c.heads * head_numbers(c) + c.kv_heads * kv_head_numbers(c) +
         c.intermediate_size * column_numbers(c) + (c.output_bias ? c.hidden_size : 0) +
         (c.mlp_bias ? c.hidden_size : 0);
}

std::int64_t layer_norm_numbers(const TransformerConfig& c) {
  return 2 * c.hidden_size + (c.qk_norm ? 2 * c.head_dim : 0);
}

std::int64_t weight_bytes(const TransformerConfig& c, const Partition& part, int matrix_bytes,
                          int norm_bytes) {
  const TransformerConfig local = local_config(c, part.share);
  const std::int64_t table = part.share.vocabulary.size() * c.hidden_size;
  const int tables = part.embeds && part.scores && c.tied_embeddings
                         ? 1
                         : (part.embeds ? 1 : 0) + (part.scores ? 1 : 0);
  const std::int64_t matrices = part.layers.size() * layer_matrix_numbers(local) + tables * table;
  const std::int64_t norms =
      part.layers.size() * layer_norm_numbers(local) + (part.scores ? c.hidden_size : 0);
  return matrices * matrix_bytes + norms * norm_bytes;
}

}  // namespace incipit::model
