// Rows of the first layer's input, and scores of next tokens. A block has one row.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace incipit::kernels::cuda {

template <typename T, int kPack>
struct EmbedKernel {
  Embed a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t row = block.index();
    const int64_t source = a.source[row];
    T* const to = row_of<T>(a.to, row);
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.width; i += int64_t{block.threads()} * kPack) {
        Wide<kPack> v = source >= 0 ? token(source, i) : prompt(-2 - source, i);
        if (a.positions_table.data) {
          const Wide<kPack> position =
              load_pack<kPack>(row_of<T>(a.positions_table, a.positions[row]) + i);
          for (int j = 0; j < kPack; ++j) v[j] = rounded<T>(v[j]) + position[j];
        }
        store_pack<kPack>(to + i, v);
      }
    });
  }

  INCIPIT_DEVICE Wide<kPack> token(int64_t id, int64_t column) const {
    Wide<kPack> v = load_pack<kPack>(row_of<T>(a.table, id) + column);
    for (int j = 0; j < kPack; ++j) v[j] *= a.scale;
    return v;
  }

  // `row` is counted over the rows of all prompts; -1: zeros.
  INCIPIT_DEVICE Wide<kPack> prompt(int64_t row, int64_t column) const {
    Wide<kPack> v{};
    if (row < 0) return v;
    int p = 0;
    while (p + 1 < a.prompts && row >= a.prompt_first[p + 1]) ++p;
    const float* const from = a.prompt[p] + (row - a.prompt_first[p]) * a.width + column;
    for (int j = 0; j < kPack; ++j) v[j] = rounded<T>(from[j]) * a.prompt_scale;
    return v;
  }
};

// The largest number of a row so far, where it is, and the sum of exp(number - largest).
struct Peak {
  float largest, sum;
  int64_t column;
};
struct HigherPeak {
  // Of equal numbers, the first column counts. NaN counts as the largest.
  INCIPIT_DEVICE Peak operator()(const Peak& a, const Peak& b) const {
    if (b.column < 0) return a;
    if (a.column < 0) return b;
    const bool first = isnan(a.largest) || a.largest > b.largest ||
                       (a.largest == b.largest && a.column < b.column);
    const Peak& high = first ? a : b;
    const Peak& low = first ? b : a;
    const float part = low.largest == high.largest ? 1.0F : expf(low.largest - high.largest);
    return {high.largest, high.sum + low.sum * part, high.column};
  }
};

INCIPIT_DEVICE float capped(float logit, float softcap) {
  return softcap == 0 ? logit : softcap * tanhf(logit / softcap);
}

template <typename T, int kPack>
struct ScoreRowsKernel {
  ScoreRows a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t row = block.index();
    const T* const logits = row_of<T>(a.logits, row);
    Peak* const peaks = block.shared<Peak>();
    block.each_thread([&](int t) {
      Peak peak{0, 0, -1};
      for (int64_t i = int64_t{t} * kPack; i < a.columns; i += int64_t{block.threads()} * kPack) {
        const Wide<kPack> v = load_pack<kPack>(logits + i);
        for (int j = 0; j < kPack; ++j) {
          peak = HigherPeak()(peak, Peak{capped(v[j], a.softcap), 1, i + j});
        }
      }
      peaks[t] = peak;
    });
    const Peak peak = block.reduce(peaks, HigherPeak());
    double* const targets = a.numbers + 3 * a.rows;
    block.each_thread([&](int t) {
      for (int64_t i = a.first_target[row] + t; i < a.first_target[row + 1]; i += block.threads()) {
        const int64_t column = a.target_id[i] - a.first_id;
        const bool here = column >= 0 && column < a.columns;
        targets[i] = here ? double{capped(load(logits[here ? column : 0]), a.softcap)} : 0.0;
      }
      if (t > 0) return;
      const bool none = peak.column < 0;  // no logits: this rank has no part of the vocabulary
      a.numbers[row] = none ? -INFINITY : double{peak.largest} + log(double{peak.sum});
      a.numbers[a.rows + row] = none ? -INFINITY : double{peak.largest};
      a.numbers[2 * a.rows + row] = none ? 0.0 : static_cast<double>(a.first_id + peak.column);
    });
  }
};

struct CombineScoresKernel {
  CombineScores a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t row = block.index() * block.threads();
    const int64_t per_part = 3 * a.rows + a.targets;
    block.each_thread([&](int t) {
      if (row + t < a.rows) combine(row + t, per_part);
    });
  }

  INCIPIT_DEVICE void combine(int64_t row, int64_t per_part) const {
    double top = -INFINITY;
    double best = -INFINITY;
    double id = a.numbers[2 * a.rows + row];
    for (int64_t p = 0; p < a.parts; ++p) {
      const double* const numbers = a.numbers + p * per_part;
      // Written so that NaN is kept.
      if (!(numbers[row] <= top)) top = numbers[row];
      if (numbers[a.rows + row] > best) {
        best = numbers[a.rows + row];
        id = numbers[2 * a.rows + row];
      }
    }
    double sum = 0;
    for (int64_t p = 0; p < a.parts; ++p) sum += exp(a.numbers[p * per_part + row] - top);
    const double normaliser = top + log(sum);
    a.normalisers[row] = normaliser;
    for (int64_t i = a.first_target[row]; i < a.first_target[row + 1]; ++i) {
      double logit = 0;  // one part has it
      for (int64_t p = 0; p < a.parts; ++p) logit += a.numbers[p * per_part + 3 * a.rows + i];
      a.log_likelihoods[i] = static_cast<float>(logit - normaliser);
      a.argmax[i] = static_cast<int64_t>(id);
    }
  }
};

template <typename T, int kPack>
struct LogitGradientKernel {
  LogitGradient a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const int64_t row = block.index();
    T* const logits = row_of<T>(a.logits, row);
    const int32_t first = a.first_target[row];
    const int32_t end = a.first_target[row + 1];
    double total = 0;
    for (int32_t i = first; i < end; ++i) total += a.grad[i];
    const float factor = static_cast<float>(-total);
    const double normaliser = a.normalisers[row];
    block.each_thread([&](int t) {
      for (int64_t i = int64_t{t} * kPack; i < a.columns; i += int64_t{block.threads()} * kPack) {
        Wide<kPack> v = load_pack<kPack>(logits + i);
        for (int j = 0; j < kPack; ++j) {
          const float logit = capped(v[j], a.softcap);
          float grad = factor * expf(static_cast<float>(logit - normaliser));
          for (int32_t target = first; target < end; ++target) {
            if (a.target_id[target] == a.first_id + i + j) {
              grad += static_cast<float>(a.grad[target]);
            }
          }
          const float ratio = a.softcap == 0 ? 0.0F : logit / a.softcap;
          v[j] = grad * (1.0F - ratio * ratio);
        }
        store_pack<kPack>(logits + i, v);
      }
    });
  }
};

inline void embed(const Launch& to, const Embed& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    const bool packed = all_pack<T>(a.width, a.table, a.positions_table, a.to);
    launch_rows<EmbedKernel, T>(to, a, packed, a.rows, a.width, 0);
  });
}

inline void score_rows(const Launch& to, const ScoreRows& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch_rows<ScoreRowsKernel, T>(to, a, all_pack<T>(a.columns, a.logits), a.rows, a.columns,
                                    sizeof(Peak));
  });
}

inline void combine_scores(const Launch& to, const CombineScores& a) {
  constexpr int kThreads = 128;
  launch(to, CombineScoresKernel{a}, (a.rows + kThreads - 1) / kThreads, kThreads, 0);
}

inline void logit_gradient(const Launch& to, const LogitGradient& a) {
  with_type(to.type, [&](auto type) {
    using T = decltype(type);
    launch_rows<LogitGradientKernel, T>(to, a, all_pack<T>(a.columns, a.logits), a.rows, a.columns,
                                        0);
  });
}

}  // namespace incipit::kernels::cuda
