// Updates of parameters, in torch's order of operations.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace incipit::kernels::cuda {

struct AdamWKernel {
  AdamW a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const bool rests = *a.rests;
    const float keep = static_cast<float>(1.0 - a.learning_rate * a.weight_decay);
    const float weight = static_cast<float>(1.0 - a.beta1);
    const float beta2 = static_cast<float>(a.beta2);
    const float square_weight = static_cast<float>(1.0 - a.beta2);
    const float correction = static_cast<float>(sqrt(1.0 - pow(a.beta2, *a.step)));
    const float rate = static_cast<float>(-a.learning_rate / (1.0 - pow(a.beta1, *a.step)));
    block.each_thread([&](int t) {
      const int64_t i = block.index() * block.threads() + t;
      if (i >= a.count) return;
      if (rests) {
        a.grad[i] = 0;
        return;
      }
      const float grad = a.grad[i];
      const float value = a.value[i] * keep;
      const float mean = weight < 0.5F ? a.mean[i] + weight * (grad - a.mean[i])
                                       : grad - (grad - a.mean[i]) * (1.0F - weight);
      const float square = a.square[i] * beta2 + square_weight * grad * grad;
      a.mean[i] = mean;
      a.square[i] = square;
      a.value[i] = value + mean * rate / (sqrtf(square) / correction + static_cast<float>(a.eps));
    });
  }
};

// Adafactor's scratch: sums of squares by block of the changes, then of the values, the mean of the
// row moments, and the row factors.
inline constexpr int kSumBlocks = 256;
inline constexpr int kChangeSums = 0;
inline constexpr int kValueSums = kSumBlocks;
inline constexpr int kRowMean = 2 * kSumBlocks;
static_assert(kRowMean < kAdafactorScratch);

struct AdafactorDecay {
  float keep, add;
};
INCIPIT_DEVICE AdafactorDecay adafactor_decay(const Adafactor& a) {
  const double rate = 1.0 - pow(*a.step, -a.decay_rate);
  return {static_cast<float>(rate), static_cast<float>(1.0 - rate)};
}

// A block is a row: the mean of its squares. It also sets the gradient of a group that rests to 0.
struct AdafactorRowsKernel {
  Adafactor a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    float* const grad = a.grad + block.index() * a.columns;
    const AdafactorDecay decay = adafactor_decay(a);
    float* const partial = block.shared<float>();
    block.each_thread([&](int t) {
      float sum = 0;
      for (int64_t i = t; i < a.columns; i += block.threads()) {
        if (*a.rests) grad[i] = 0;
        const float squared = grad[i] * grad[i] + static_cast<float>(a.eps);
        sum += squared;
        if (a.full && !*a.rests) {
          float& moment = a.full[block.index() * a.columns + i];
          moment = moment * decay.keep + squared * decay.add;
        }
      }
      partial[t] = sum;
    });
    const float mean = block.reduce(partial, Sum()) / static_cast<float>(a.columns);
    block.each_thread([&](int t) {
      if (t > 0 || !a.row || *a.rests) return;
      float& moment = a.row[block.index()];
      moment = moment * decay.keep + mean * decay.add;
    });
  }
};

// A thread is a column: the mean of its squares. The first block also finds the mean of `row`.
struct AdafactorColumnsKernel {
  Adafactor a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const AdafactorDecay decay = adafactor_decay(a);
    block.each_thread([&](int t) {
      const int64_t column = block.index() * block.threads() + t;
      if (column >= a.columns || *a.rests) return;
      float sum = 0;
      for (int64_t row = 0; row < a.rows; ++row) {
        const float grad = a.grad[row * a.columns + column];
        sum += grad * grad + static_cast<float>(a.eps);
      }
      float& moment = a.column[column];
      moment = moment * decay.keep + sum / static_cast<float>(a.rows) * decay.add;
    });
    if (block.index() > 0) return;
    float* const partial = block.shared<float>();
    block.each_thread([&](int t) {
      float sum = 0;
      for (int64_t row = t; row < a.rows; row += block.threads()) sum += a.row[row];
      partial[t] = sum;
    });
    const float mean = block.reduce(partial, Sum()) / static_cast<float>(a.rows);
    block.each_thread([&](int t) {
      if (t == 0) a.scratch[kRowMean] = mean;
    });
  }
};

INCIPIT_DEVICE float adafactor_change(const Adafactor& a, int64_t i) {
  if (a.full) return a.grad[i] / sqrtf(a.full[i]);
  const float row_factor = 1.0F / sqrtf(a.row[i / a.columns] / a.scratch[kRowMean]);
  return a.grad[i] * row_factor / sqrtf(a.column[i % a.columns]);
}

// Sums of squares of the changes and of the values, by block.
struct AdafactorSumsKernel {
  Adafactor a;

  struct Sums {
    float change, value;
    INCIPIT_DEVICE Sums operator+(const Sums& other) const {
      return {change + other.change, value + other.value};
    }
  };

  INCIPIT_DEVICE void operator()(const Block& block) const {
    Sums* const partial = block.shared<Sums>();
    block.each_thread([&](int t) {
      Sums sums{0, 0};
      for (int64_t i = block.index() * block.threads() + t; i < a.rows * a.columns;
           i += int64_t{kSumBlocks} * block.threads()) {
        const float change = adafactor_change(a, i);
        sums.change += change * change;
        sums.value += a.value[i] * a.value[i];
      }
      partial[t] = sums;
    });
    const Sums sums = block.reduce(partial, Sum());
    block.each_thread([&](int t) {
      if (t > 0) return;
      a.scratch[kChangeSums + block.index()] = sums.change;
      a.scratch[kValueSums + block.index()] = sums.value;
    });
  }
};

struct AdafactorUpdateKernel {
  Adafactor a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    if (*a.rests) return;
    float factor = 1;
    if (a.clipping_threshold > 0) {
      const double size = root_mean_square(kChangeSums) / a.clipping_threshold;
      factor /= static_cast<float>(size < 1.0 ? 1.0 : size);
    }
    if (a.scaled_by_value) {
      const double size = root_mean_square(kValueSums);
      factor *= static_cast<float>(size < a.least_scale ? a.least_scale : size);
    }
    const float keep = static_cast<float>(1.0 - a.weight_decay);
    const float rate = static_cast<float>(-a.learning_rate);
    block.each_thread([&](int t) {
      const int64_t i = block.index() * block.threads() + t;
      if (i >= a.rows * a.columns) return;
      a.value[i] = a.value[i] * keep + rate * (adafactor_change(a, i) * factor);
    });
  }

  // Every thread adds the sums of all blocks in the same order.
  INCIPIT_DEVICE double root_mean_square(int first) const {
    double sum = 0;
    for (int i = 0; i < kSumBlocks; ++i) sum += a.scratch[first + i];
    return sqrt(sum / static_cast<double>(a.rows * a.columns));
  }
};

struct SgdKernel {
  Sgd a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const bool rests = *a.rests;
    const float decay = static_cast<float>(a.weight_decay);
    const float momentum = static_cast<float>(a.momentum);
    const float rate = static_cast<float>(-a.learning_rate);
    block.each_thread([&](int t) {
      const int64_t i = block.index() * block.threads() + t;
      if (i >= a.count) return;
      if (rests) {
        a.grad[i] = 0;
        return;
      }
      float change = a.grad[i] + decay * a.value[i];
      if (a.velocity) {
        const float velocity = a.velocity[i] * momentum + change;
        a.velocity[i] = velocity;
        change = a.nesterov ? change + momentum * velocity : velocity;
      }
      a.value[i] += rate * change;
    });
  }
};

// The sum of every kSquareBlocks-th run of a block's threads.
struct SquaresKernel {
  SumOfSquares a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    double* const partial = block.shared<double>();
    block.each_thread([&](int t) {
      double sum = 0;
      for (int64_t i = block.index() * block.threads() + t; i < a.count;
           i += int64_t{kSquareBlocks} * block.threads()) {
        sum += static_cast<double>(a.values[i]) * a.values[i];
      }
      partial[t] = sum;
    });
    const double sum = block.reduce(partial, Sum());
    block.each_thread([&](int t) {
      if (t == 0) a.scratch[block.index()] = sum;
    });
  }
};

// One block adds the sums of all.
struct AddSquaresKernel {
  SumOfSquares a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    double* const partial = block.shared<double>();
    block.each_thread([&](int t) { partial[t] = a.scratch[t]; });
    const double sum = block.reduce(partial, Sum());
    block.each_thread([&](int t) {
      if (t == 0) *a.sum += sum;
    });
  }
};

struct ClipByNormKernel {
  ClipByNorm a;

  INCIPIT_DEVICE void operator()(const Block& block) const {
    const double wanted = a.max_norm / (sqrt(*a.squares) + 1e-6);
    const float factor = static_cast<float>(wanted < 1.0 ? wanted : 1.0);
    block.each_thread([&](int t) {
      const int64_t i = block.index() * block.threads() + t;
      if (i < a.count) a.values[i] *= factor;
    });
  }
};

static_assert(kFlatThreads == kSquareBlocks);  // AddSquaresKernel: a thread for each block

inline void adamw(const Launch& to, const AdamW& a) {
  launch(to, AdamWKernel{a}, flat_blocks(a.count), kFlatThreads, 0);
}

inline void sgd(const Launch& to, const Sgd& a) {
  launch(to, SgdKernel{a}, flat_blocks(a.count), kFlatThreads, 0);
}

inline void sum_of_squares(const Launch& to, const SumOfSquares& a) {
  constexpr int64_t kShared = kFlatThreads * int64_t{sizeof(double)};
  if (a.count == 0) return;
  launch(to, SquaresKernel{a}, kSquareBlocks, kFlatThreads, kShared);
  launch(to, AddSquaresKernel{a}, 1, kFlatThreads, kShared);
}

inline void clip_by_norm(const Launch& to, const ClipByNorm& a) {
  launch(to, ClipByNormKernel{a}, flat_blocks(a.count), kFlatThreads, 0);
}

inline void adafactor(const Launch& to, const Adafactor& a) {
  constexpr int64_t kPerThread = sizeof(AdafactorSumsKernel::Sums);
  constexpr int64_t kShared = kFlatThreads * kPerThread;
  const int64_t count = a.rows * a.columns;
  if (count == 0) return;
  launch(to, AdafactorRowsKernel{a}, a.rows, kFlatThreads, kShared);
  if (a.column) {
    launch(to, AdafactorColumnsKernel{a}, flat_blocks(a.columns), kFlatThreads, kShared);
  }
  launch(to, AdafactorSumsKernel{a}, kSumBlocks, kFlatThreads, kShared);
  launch(to, AdafactorUpdateKernel{a}, flat_blocks(count), kFlatThreads, 0);
}

}  // namespace incipit::kernels::cuda
