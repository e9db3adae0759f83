// Several tasks in one run: whose turn each sample is, and which of its examples.
//
// Samples are numbered from 0 over the whole run, as in data/sampler.h. Tasks take turns in
// proportion to their weights: after any number of samples n, a task of weight w of W has had its
// turn within less than 1 of n * w / W times. Its own samples follow each other as in a run of its
// own. With one task the order is that of its Sampler.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/mixture_options.h"
#include "data/sampler.h"

namespace incipit::data {

// Whole numbers in proportion to how often tasks of these sizes (examples to train on, each > 0)
// are drawn from: exact for size and even, rounded to six digits for temperature.
[[nodiscard]] std::vector<std::int64_t> mixture_weights(const MixtureOptions& options,
                                                        std::span<const std::int64_t> sizes);

// A task's turn, and which of the task's own samples it is, from 0.
struct Turn {
  int task = 0;
  std::int64_t sample = 0;
  friend bool operator==(const Turn&, const Turn&) = default;
};

// Tijdeman's solution of the chairman assignment problem (1980), in whole numbers: the same on
// every machine.
class Interleaving {
 public:
  // Weights above 0 whose sum is below 2^53.
  explicit Interleaving(std::vector<std::int64_t> weights);

  // The turns of samples [position, position + count): a pure function of the weights and these
  // two. Not thread-safe: remembers where it stands.
  [[nodiscard]] std::vector<Turn> turns(std::int64_t position, std::int64_t count);

 private:
  void go_to(std::int64_t position);
  Turn next();

  std::vector<std::int64_t> weights_;
  std::int64_t total_ = 0;
  std::int64_t position_ = 0;
  std::vector<std::int64_t> taken_;  // by task: turns had
  std::vector<std::int64_t> owed_;   // by task: position * weight - taken * total
};

class MixtureSampler {
 public:
  struct Draw {
    int task = 0;
    std::int64_t example = 0;  // of the task
    friend bool operator==(const Draw&, const Draw&) = default;
  };

  MixtureSampler(std::vector<Sampler> tasks, std::vector<std::int64_t> weights);

  // Samples [position, position + count). Not thread-safe.
  [[nodiscard]] std::vector<Draw> batch(std::int64_t position, std::int64_t count);

 private:
  std::vector<Sampler> tasks_;
  Interleaving interleaving_;
};

}  // namespace incipit::data
