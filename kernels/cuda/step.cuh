// What a training step computes once: losses, whether numbers are finite, counts of steps.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace incipit::kernels::cuda {

struct ScatterNumbersKernel {
  ScatterNumbers a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    block.each_thread([&](int t) {
      const int64_t i = block.index() * block.threads() + t;
      if (i < a.count) a.to[a.index[i]] = a.from[i];
    });
  }
};

struct GatherNumbersKernel {
  GatherNumbers a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    block.each_thread([&](int t) {
      const int64_t i = block.index() * block.threads() + t;
      if (i < a.count) a.to[i] = a.from[a.index[i]];
    });
  }
};

// One block.
struct TokenLossKernel {
  TokenLoss a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    double* const partial = block.shared<double>();
    block.each_thread([&](int t) {
      double sum = 0;
      for (int64_t i = t; i < a.targets; i += block.threads()) {
        a.gradient[i] = -a.weight[i];
        if (a.weight[i] != 0) sum -= a.weight[i] * a.log_likelihoods[i];
      }
      partial[t] = sum;
    });
    const double loss = block.reduce(partial, Sum());
    block.each_thread([&](int t) {
      if (t == 0) *a.loss = loss;
    });
  }
};

// One block: the logits of candidates, then the losses of groups and the slopes of their
// candidates, then the gradients of targets.
struct CandidateLossKernel {
  CandidateLoss a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    double* const partial = block.shared<double>();
    block.each_thread([&](int t) {
      for (int64_t i = t; i < a.candidates; i += block.threads()) {
        double logit = 0;
        for (int32_t j = a.first_target[i]; j < a.first_target[i + 1]; ++j) {
          logit += a.log_likelihoods[a.target_of[j]];
        }
        a.slopes[i] = logit;
      }
    });
    block.each_thread([&](int t) {
      double sum = 0;
      for (int64_t g = t; g < a.groups; g += block.threads()) sum += group_loss(g);
      partial[t] = sum;
    });
    const double loss = block.reduce(partial, Sum());
    block.each_thread([&](int t) {
      for (int64_t i = t; i < a.targets; i += block.threads()) {
        double gradient = 0;
        if (i < a.used_targets) {
          for (int32_t j = a.first_use[i]; j < a.first_use[i + 1]; ++j) {
            gradient += a.slopes[a.candidate_of[j]];
          }
        }
        a.gradient[i] = gradient;
      }
      if (t == 0) *a.loss = loss;
    });
  }

  // Replaces the logits of a group's candidates by their slopes.
  INCIPIT_DEVICE double group_loss(int64_t group) const {
    const int32_t first = a.first_candidate[group];
    const int32_t end = a.first_candidate[group + 1];
    double top = -INFINITY;
    for (int32_t i = first; i < end; ++i) {
      if (!(a.slopes[i] <= top)) top = a.slopes[i];  // written so that NaN is kept
    }
    double sum = 0;
    for (int32_t i = first; i < end; ++i) sum += exp(a.slopes[i] - top);
    const double log_total = top + log(sum);
    const double loss = log_total - a.slopes[a.gold[group]];
    for (int32_t i = first; i < end; ++i) {
      a.slopes[i] = exp(a.slopes[i] - log_total) - (i == a.gold[group] ? 1.0 : 0.0);
    }
    return loss;
  }
};

struct CheckFiniteKernel {
  CheckFinite a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    block.each_thread([&](int t) {
      const int64_t group = block.index() * block.threads() + t;
      if (group >= a.groups) return;
      double squares = 0;
      for (int64_t p = 0; p < a.prompts; ++p) squares += a.squares[group * a.prompts + p];
      const bool finite =
          isfinite(a.totals[2 * group] / a.totals[2 * group + 1]) && isfinite(squares);
      a.group_squares[group] = squares;
      a.not_finite[group] = finite ? 0.0 : 1.0;
    });
  }
};

// One block.
struct DecideUpdatesKernel {
  DecideUpdates a;

  struct Sums {
    double loss, count, squares, finite;
    INCIPIT_DEVICE Sums operator+(const Sums& other) const {
      return {loss + other.loss, count + other.count, squares + other.squares,
              finite + other.finite};
    }
  };

  INCIPIT_DEVICE void operator()(const Block& block) const {
    Sums* const partial = block.shared<Sums>();
    block.each_thread([&](int t) {
      Sums sums{0, 0, 0, 0};
      for (int64_t group = t; group < a.groups; group += block.threads()) {
        // A single group has its numbers even if they are not finite.
        if (finite(group) || a.groups == 1) sums = sums + of(group);
        for (int64_t p = group * a.prompts; p < (group + 1) * a.prompts; ++p) {
          a.learns[p] = finite(group) && (!a.prompt_totals || a.prompt_totals[2 * p + 1] > 0);
        }
      }
      partial[t] = sums;
    });
    const Sums sums = block.reduce(partial, Sum());
    block.each_thread([&](int t) {
      if (t > 0) return;
      a.totals[0] = sums.loss;
      a.totals[1] = sums.count;
      *a.squares = sums.squares;
      *a.none_finite = sums.finite > 0 ? 0.0 : 1.0;
    });
  }

  INCIPIT_DEVICE bool finite(int64_t group) const { return a.not_finite[group] == 0; }
  INCIPIT_DEVICE Sums of(int64_t group) const {
    return {a.group_totals[2 * group], a.group_totals[2 * group + 1], a.group_squares[group],
            finite(group) ? 1.0 : 0.0};
  }
};

struct CountStepsKernel {
  CountSteps a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    block.each_thread([&](int t) {
      const int64_t i = block.index() * block.threads() + t;
      if (i >= a.groups) return;
      const int64_t steps = a.steps[i] + (a.learns[i] ? 1 : 0);
      a.steps[i] = steps;
      a.rests[i] = !a.learns[i];
      a.counts[i] = static_cast<double>(steps < 1 ? 1 : steps);
    });
  }
};

struct DivideKernel {
  Divide a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const float divisor = static_cast<float>(*a.divisor);
    block.each_thread([&](int t) {
      const int64_t i = block.index() * block.threads() + t;
      if (i < a.count) a.x[i] /= divisor;
    });
  }
};

inline void scatter_numbers(const Launch& to, const ScatterNumbers& a) {
  launch(to, ScatterNumbersKernel{a}, flat_blocks(a.count), kFlatThreads, 0);
}

inline void gather_numbers(const Launch& to, const GatherNumbers& a) {
  launch(to, GatherNumbersKernel{a}, flat_blocks(a.count), kFlatThreads, 0);
}

inline void token_loss(const Launch& to, const TokenLoss& a) {
  launch(to, TokenLossKernel{a}, 1, kFlatThreads, kFlatThreads * int64_t{sizeof(double)});
}

inline void candidate_loss(const Launch& to, const CandidateLoss& a) {
  launch(to, CandidateLossKernel{a}, 1, kFlatThreads, kFlatThreads * int64_t{sizeof(double)});
}

inline void check_finite(const Launch& to, const CheckFinite& a) {
  launch(to, CheckFiniteKernel{a}, flat_blocks(a.groups), kFlatThreads, 0);
}

inline void decide_updates(const Launch& to, const DecideUpdates& a) {
  constexpr int64_t kPerThread = sizeof(DecideUpdatesKernel::Sums);
  launch(to, DecideUpdatesKernel{a}, 1, kFlatThreads, kFlatThreads * kPerThread);
}

inline void count_steps(const Launch& to, const CountSteps& a) {
  launch(to, CountStepsKernel{a}, flat_blocks(a.groups), kFlatThreads, 0);
}

inline void divide(const Launch& to, const Divide& a) {
  launch(to, DivideKernel{a}, flat_blocks(a.count), kFlatThreads, 0);
}

}  // namespace incipit::kernels::cuda
