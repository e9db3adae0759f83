// A rank's share of every global batch, made ahead of its use.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/forest.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/mixture.h"
#include "data/prefetch.h"
#include "data/task.h"
#include "trainer/objective.h"
#include "trainer/train_options.h"

namespace incipit::trainer {

struct TrainBatch {
  PackedForest packed;
  std::vector<CandidateGroup> groups;  // by example; loss candidates only
  std::vector<int> tasks;              // by example
  std::int64_t examples = 0;           // of this rank
};

// What is minimised over the batch, which must outlive it.
[[nodiscard]] std::unique_ptr<Objective> make_objective(Loss loss, const TrainBatch& batch);

// The part of it that is of the examples of one task.
[[nodiscard]] std::unique_ptr<Objective> make_objective(Loss loss, const TrainBatch& batch,
                                                        int task);

// What a stream draws from: the examples of a task, and the soft prompt in front of them.
struct TrainSource {
  const data::Task* task = nullptr;
  const data::Dataset* train = nullptr;
  data::PromptRows prompt = {};
  std::int64_t weight = 1;  // how often, in proportion to the other sources' (data/mixture.h)
};

struct StreamOptions {
  std::int64_t batch_size = 1;  // examples in the whole job
  std::int64_t steps = 0;       // of the whole run
  std::int64_t first_step = 0;  // steps done before; the first batch is that of the next one
  Loss loss = Loss::kTargetTokens;
  bool shuffle = true;
  std::uint64_t seed = 0;
  int rank = 0;  // among the ranks that share a batch
  int ranks = 1;
};

// Batches of a run from a step on. Which examples step s sees is a pure function of
// the data, seed, weights, batch size and s; how they are shared, of the batch and the number of
// ranks.
class BatchStream {
 public:
  // What the sources name must outlive it. Throws DataError when one has no examples, ConfigError
  // when loss candidates meets a task without candidates.
  BatchStream(std::vector<TrainSource> sources, const StreamOptions& options);

  // Call once for every step that is left.
  [[nodiscard]] TrainBatch next();

  // Time that next() has waited, in all.
  [[nodiscard]] double wait_seconds() const { return prefetcher_->wait_seconds(); }

 private:
  [[nodiscard]] TrainBatch make(std::int64_t step);
  [[nodiscard]] std::vector<data::MixtureSampler::Draw> draw_own(std::int64_t step);

  std::vector<TrainSource> sources_;
  StreamOptions options_;
  std::vector<std::vector<std::int64_t>> lengths_;  // by source and example
  data::MixtureSampler sampler_;
  std::int64_t next_step_ = 0;
  std::unique_ptr<data::Prefetcher<TrainBatch>> prefetcher_;  // last: it calls make()
};

}  // namespace incipit::trainer
