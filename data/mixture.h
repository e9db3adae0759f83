// Mixes several tasks in one run: chooses the task and the example of each sample.
//
// Samples are numbered from 0 over the whole run, as in data/sampler.h. Tasks take turns in
// proportion to their weights: after any n samples, a task of weight w of W has had fewer than 1
// turn more or less than n * w / W. Within a task, samples follow the same order as in a run of
// that task only. With one task, the order is that of its Sampler.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/mixture_options.h"
#include "data/sampler.h"

namespace incipit::data {

// Returns integer weights in proportion to how often each task is sampled. `sizes`: training
// examples per task, each > 0. Exact for size and even; rounded to six digits for temperature.
[[nodiscard]] std::vector<std::int64_t> mixture_weights(const MixtureOptions& options,
                                                        std::span<const std::int64_t> sizes);

// A turn of a task, and the index of the sample among that task's samples, from 0.
struct Turn {
  int task = 0;
  std::int64_t sample = 0;
  friend bool operator==(const Turn&, const Turn&) = default;
};

// Tijdeman's solution of the chairman assignment problem (1980), in integers, so the result is the
// same on every machine.
class Interleaving {
 public:
  // Weights are above 0 and sum to less than 2^53.
  explicit Interleaving(std::vector<std::int64_t> weights);

  // Returns the turns of samples [position, position + count): a pure function of the weights and
  // these two. Not thread-safe: caches its position.
  [[nodiscard]] std::vector<Turn> turns(std::int64_t position, std::int64_t count);

 private:
  void go_to(std::int64_t position);
  Turn next();

  std::vector<std::int64_t> weights_;
  std::int64_t total_ = 0;
  std::int64_t position_ = 0;
  std::vector<std::int64_t> taken_;  // by task: turns so far
  std::vector<std::int64_t> owed_;   // by task: position * weight - taken * total
};

class MixtureSampler {
 public:
  struct Draw {
    int task = 0;
    std::int64_t example = 0;  // index within the task
    friend bool operator==(const Draw&, const Draw&) = default;
  };

  MixtureSampler(std::vector<Sampler> tasks, std::vector<std::int64_t> weights);

  // Returns samples [position, position + count). Not thread-safe.
  [[nodiscard]] std::vector<Draw> batch(std::int64_t position, std::int64_t count);

 private:
  std::vector<Sampler> tasks_;
  Interleaving interleaving_;
};

}  // namespace incipit::data
