// Attention by plain arithmetic, in float32, with windows and a softcap: what flash attention does
// not support. A block has a tile of queries of one sequence and one head, or a tile of keys and
// one key/value head. Softmax online, as in flash attention (Dao et al. 2022).
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace incipit::kernels::cuda {

inline constexpr int kDenseThreads = 128;

// Copies rows [first, first + count) of one head to shared memory, in rows of `pitch`.
template <typename T>
INCIPIT_DEVICE void load_tile(const Block& block, const Input& from, int64_t first, int count,
                              int64_t head, int64_t dim, float* to) {
  block.each_thread([&](int t) {
    for (int64_t i = t; i < count * dim; i += block.threads()) {
      to[i / dim * (dim + 1) + i % dim] =
          load(row_of<T>(from, first + i / dim)[head * dim + i % dim]);
    }
  });
}

INCIPIT_DEVICE float dot(const float* a, const float* b, int64_t dim) {
  float sum = 0;
  for (int64_t i = 0; i < dim; ++i) sum += a[i] * b[i];
  return sum;
}

// A score after the softcap, and the slope of the softcap there.
struct Score {
  float value, slope;
};
INCIPIT_DEVICE Score score_of(const DenseAttention& a, float product) {
  const float raw = product * a.scale;
  if (a.softcap == 0) return {raw, 1.0F};
  const float ratio = tanhf(raw / a.softcap);
  return {a.softcap * ratio, 1.0F - ratio * ratio};
}

// What a query sees of the keys of a sequence.
INCIPIT_DEVICE bool sees(const DenseAttention& a, int sequence, int64_t query, int64_t key) {
  const int64_t from_end = a.query_ends[sequence + 1] - 1 - query;
  if (a.causal && key >= a.key_ends[sequence + 1] - from_end) return false;
  if (a.window == 0) return true;
  const int64_t position = a.key_position[sequence] + key - a.key_ends[sequence];
  const int64_t distance = a.query_position[query] - position;
  return distance < a.window && -distance < a.window;
}

INCIPIT_DEVICE int least(int64_t a, int64_t b) { return static_cast<int>(a < b ? a : b); }

// The tiles in shared memory. Rows of queries and keys are dim + 1 apart, against bank conflicts.
struct DenseTiles {
  float *queries, *grads, *keys, *values, *sums, *more_sums, *scores, *slopes, *rows;
  INCIPIT_DEVICE DenseTiles(float* memory, int64_t dim) {
    const int64_t queries_size = kDenseQueries * (dim + 1);
    const int64_t keys_size = kDenseKeys * (dim + 1);
    queries = memory;
    grads = queries + queries_size;
    keys = grads + queries_size;
    values = keys + keys_size;
    sums = values + keys_size;
    more_sums = sums + keys_size;
    scores = more_sums + keys_size;
    slopes = scores + kDenseQueries * kDenseKeys;
    rows = slopes + kDenseQueries * kDenseKeys;
  }
};
static_assert(kDenseQueries <= kDenseKeys);  // sums are of either
inline int64_t dense_shared_bytes(int64_t dim) {
  const int64_t numbers = (2 * kDenseQueries + 4 * kDenseKeys) * (dim + 1) +
                          2 * kDenseQueries * kDenseKeys + 4 * kDenseQueries;
  return numbers * static_cast<int64_t>(sizeof(float));
}

// The part of a head that a block computes: rows [first, first + count) of a sequence.
struct DenseTile {
  int64_t head;
  int sequence;
  int64_t first;
  int count;
};

INCIPIT_DEVICE DenseTile tile_of(const Block& block, int64_t heads, const int32_t* tiles,
                                 const int32_t* ends, int size) {
  const int64_t tile = block.index() / heads;
  const int sequence = tiles[2 * tile];
  const int64_t first = tiles[2 * tile + 1];
  return {block.index() % heads, sequence, first, least(size, ends[sequence + 1] - first)};
}

template <typename T>
struct DenseForwardKernel {
  DenseAttention a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const DenseTile tile = tile_of(block, a.heads, a.query_tiles, a.query_ends, kDenseQueries);
    const int64_t dim = a.head_dim;
    const DenseTiles s(block.shared<float>(), dim);
    float* const largest = s.rows;
    float* const total = s.rows + kDenseQueries;
    float* const shrink = s.rows + 2 * kDenseQueries;
    load_tile<T>(block, a.queries, tile.first, tile.count, tile.head, dim, s.queries);
    block.each_thread([&](int t) {
      for (int64_t i = t; i < kDenseQueries * dim; i += block.threads()) s.sums[i] = 0;
      if (t < kDenseQueries) {
        largest[t] = -INFINITY;
        total[t] = 0;
      }
    });
    const int64_t end = a.key_ends[tile.sequence + 1];
    for (int64_t key = a.key_ends[tile.sequence]; key < end; key += kDenseKeys) {
      const int keys = least(kDenseKeys, end - key);
      const int64_t kv_head = tile.head / (a.heads / a.kv_heads);
      load_tile<T>(block, a.keys, key, keys, kv_head, dim, s.keys);
      load_tile<T>(block, a.values, key, keys, kv_head, dim, s.values);
      block.each_thread([&](int t) {
        for (int i = t; i < kDenseQueries * kDenseKeys; i += block.threads()) {
          const int q = i / kDenseKeys;
          const int k = i % kDenseKeys;
          const bool seen =
              q < tile.count && k < keys && sees(a, tile.sequence, tile.first + q, key + k);
          s.scores[i] =
              seen ? score_of(a, dot(s.queries + q * (dim + 1), s.keys + k * (dim + 1), dim)).value
                   : -INFINITY;
        }
      });
      block.each_thread([&](int t) {
        if (t < tile.count) soften(s.scores + t * kDenseKeys, largest[t], total[t], shrink[t]);
      });
      block.each_thread([&](int t) {
        for (int64_t i = t; i < tile.count * dim; i += block.threads()) {
          const int64_t q = i / dim;
          float sum = s.sums[i] * shrink[q];
          for (int k = 0; k < keys; ++k) {
            sum += s.scores[q * kDenseKeys + k] * s.values[k * (dim + 1) + i % dim];
          }
          s.sums[i] = sum;
        }
      });
    }
    block.each_thread([&](int t) {
      for (int64_t i = t; i < tile.count * dim; i += block.threads()) {
        const int64_t q = i / dim;
        const float sum = total[q] == 0 ? 0.0F : s.sums[i] / total[q];
        store(row_of<T>(a.output, tile.first + q)[tile.head * dim + i % dim], sum);
      }
      if (t < tile.count)
        a.lse[tile.head * a.query_count + tile.first + t] = largest[t] + logf(total[t]);
    });
  }

  // Turns the scores of a query into weights relative to the largest so far; `shrink` is what
  // earlier sums are multiplied by.
  static INCIPIT_DEVICE void soften(float* scores, float& largest, float& total, float& shrink) {
    float now = largest;
    for (int k = 0; k < kDenseKeys; ++k) now = fmaxf(now, scores[k]);
    const float base = now == -INFINITY ? 0.0F : now;
    shrink = expf(largest - base);
    float sum = total * shrink;
    for (int k = 0; k < kDenseKeys; ++k) {
      scores[k] = expf(scores[k] - base);
      sum += scores[k];
    }
    largest = now;
    total = sum;
  }
};

// Writes the weights of a tile of queries and keys to `scores`, and d loss / d product to `slopes`.
// The rows of shared memory have, by query: grad * output.
template <typename T>
INCIPIT_DEVICE void dense_gradients(const Block& block, const DenseAttention& a,
                                    const DenseTiles& s, int sequence, int64_t head, int64_t query,
                                    int queries, int64_t key, int keys) {
  const int64_t dim = a.head_dim;
  block.each_thread([&](int t) {
    for (int i = t; i < kDenseQueries * kDenseKeys; i += block.threads()) {
      const int q = i / kDenseKeys;
      const int k = i % kDenseKeys;
      s.scores[i] = s.slopes[i] = 0;
      if (q >= queries || k >= keys || !sees(a, sequence, query + q, key + k)) continue;
      const Score score = score_of(a, dot(s.queries + q * (dim + 1), s.keys + k * (dim + 1), dim));
      const float p = expf(score.value - a.lse[head * a.query_count + query + q]);
      const float dp = dot(s.grads + q * (dim + 1), s.values + k * (dim + 1), dim);
      s.scores[i] = p;
      s.slopes[i] = p * (dp - s.rows[q]) * score.slope * a.scale;
    }
  });
}

// Loads a tile of queries with their gradients, and grad * output of each.
template <typename T>
INCIPIT_DEVICE void load_queries(const Block& block, const DenseAttention& a, const DenseTiles& s,
                                 int64_t head, int64_t query, int queries) {
  const int64_t dim = a.head_dim;
  load_tile<T>(block, a.queries, query, queries, head, dim, s.queries);
  load_tile<T>(block, a.grad, query, queries, head, dim, s.grads);
  block.each_thread([&](int t) {
    if (t >= queries) return;
    const T* const output = row_of<T>(a.output, query + t) + head * dim;
    float sum = 0;
    for (int64_t i = 0; i < dim; ++i) sum += s.grads[t * (dim + 1) + i] * load(output[i]);
    s.rows[t] = sum;
  });
}

template <typename T>
struct DenseQueriesKernel {
  DenseAttention a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const DenseTile tile = tile_of(block, a.heads, a.query_tiles, a.query_ends, kDenseQueries);
    const int64_t dim = a.head_dim;
    const DenseTiles s(block.shared<float>(), dim);
    load_queries<T>(block, a, s, tile.head, tile.first, tile.count);
    block.each_thread([&](int t) {
      for (int64_t i = t; i < kDenseQueries * dim; i += block.threads()) s.sums[i] = 0;
    });
    const int64_t end = a.key_ends[tile.sequence + 1];
    for (int64_t key = a.key_ends[tile.sequence]; key < end; key += kDenseKeys) {
      const int keys = least(kDenseKeys, end - key);
      const int64_t kv_head = tile.head / (a.heads / a.kv_heads);
      load_tile<T>(block, a.keys, key, keys, kv_head, dim, s.keys);
      load_tile<T>(block, a.values, key, keys, kv_head, dim, s.values);
      dense_gradients<T>(block, a, s, tile.sequence, tile.head, tile.first, tile.count, key, keys);
      block.each_thread([&](int t) {
        for (int64_t i = t; i < tile.count * dim; i += block.threads()) {
          float sum = s.sums[i];
          for (int k = 0; k < keys; ++k) {
            sum += s.slopes[i / dim * kDenseKeys + k] * s.keys[k * (dim + 1) + i % dim];
          }
          s.sums[i] = sum;
        }
      });
    }
    block.each_thread([&](int t) {
      for (int64_t i = t; i < tile.count * dim; i += block.threads()) {
        store(row_of<T>(a.grad_queries, tile.first + i / dim)[tile.head * dim + i % dim],
              s.sums[i]);
      }
    });
  }
};

template <typename T>
struct DenseKeysKernel {
  DenseAttention a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const DenseTile tile = tile_of(block, a.kv_heads, a.key_tiles, a.key_ends, kDenseKeys);
    const int64_t dim = a.head_dim;
    const DenseTiles s(block.shared<float>(), dim);
    load_tile<T>(block, a.keys, tile.first, tile.count, tile.head, dim, s.keys);
    load_tile<T>(block, a.values, tile.first, tile.count, tile.head, dim, s.values);
    block.each_thread([&](int t) {
      for (int64_t i = t; i < kDenseKeys * dim; i += block.threads()) {
        s.sums[i] = s.more_sums[i] = 0;
      }
    });
    const int64_t group = a.heads / a.kv_heads;
    const int64_t end = a.query_ends[tile.sequence + 1];
    for (int64_t head = tile.head * group; head < (tile.head + 1) * group; ++head) {
      for (int64_t query = a.query_ends[tile.sequence]; query < end; query += kDenseQueries) {
        const int queries = least(kDenseQueries, end - query);
        load_queries<T>(block, a, s, head, query, queries);
        dense_gradients<T>(block, a, s, tile.sequence, head, query, queries, tile.first,
                           tile.count);
        block.each_thread([&](int t) {
          for (int64_t i = t; i < tile.count * dim; i += block.threads()) {
            const int64_t k = i / dim;
            for (int q = 0; q < queries; ++q) {
              const int64_t at = q * (dim + 1) + i % dim;
              s.sums[i] += s.slopes[q * kDenseKeys + k] * s.queries[at];
              s.more_sums[i] += s.scores[q * kDenseKeys + k] * s.grads[at];
            }
          }
        });
      }
    }
    block.each_thread([&](int t) {
      for (int64_t i = t; i < tile.count * dim; i += block.threads()) {
        const int64_t column = tile.head * dim + i % dim;
        store(row_of<T>(a.grad_keys, tile.first + i / dim)[column], s.sums[i]);
        store(row_of<T>(a.grad_values, tile.first + i / dim)[column], s.more_sums[i]);
      }
    });
  }
};

inline void dense_forward(const Launch& to, const DenseAttention& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch(to, DenseForwardKernel<T>{a}, a.query_tile_count * a.heads, kDenseThreads,
           dense_shared_bytes(a.head_dim));
  });
}

inline void dense_backward(const Launch& to, const DenseAttention& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch(to, DenseQueriesKernel<T>{a}, a.query_tile_count * a.heads, kDenseThreads,
           dense_shared_bytes(a.head_dim));
    launch(to, DenseKeysKernel<T>{a}, a.key_tile_count * a.kv_heads, kDenseThreads,
           dense_shared_bytes(a.head_dim));
  });
}

}  // namespace incipit::kernels::cuda
