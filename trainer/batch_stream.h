// A rank's share of every global batch, made ahead of its use.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/forest.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/prefetch.h"
#include "data/sampler.h"
#include "data/task.h"
#include "trainer/objective.h"
#include "trainer/train_options.h"

namespace incipit::trainer {

struct TrainBatch {
  PackedForest packed;
  std::vector<CandidateGroup> groups;  // by example; loss candidates only
  std::int64_t examples = 0;           // of this rank
};

// What is minimised over the batch, which must outlive it.
[[nodiscard]] std::unique_ptr<Objective> make_objective(Loss loss, const TrainBatch& batch);

struct StreamOptions {
  std::int64_t batch_size = 1;  // examples in the whole job
  std::int64_t steps = 0;       // of the whole run
  std::int64_t first_step = 0;  // steps done before; the first batch is that of the next one
  Loss loss = Loss::kTargetTokens;
  bool shuffle = true;
  std::uint64_t seed = 0;
  int rank = 0;  // among the ranks that share a batch
  int ranks = 1;
  data::PromptRows prompt = {};
};

// Batches of a run from a step on. Which examples step s sees is a pure function of
// the data, seed, batch size and s; how they are shared, of the batch and the number of ranks.
class BatchStream {
 public:
  // `task` and `train` must outlive it. Throws DataError when `train` is empty, ConfigError
  // when loss candidates meets a task without candidates.
  BatchStream(const data::Task& task, const data::Dataset& train, const StreamOptions& options);

  // Call once for every step that is left.
  [[nodiscard]] TrainBatch next();

  // Time that next() has waited, in all.
  [[nodiscard]] double wait_seconds() const { return prefetcher_->wait_seconds(); }

 private:
  [[nodiscard]] TrainBatch make(std::int64_t step);

  const data::Task& task_;
  const data::Dataset& train_;
  StreamOptions options_;
  std::vector<std::int64_t> lengths_;
  data::Sampler sampler_;
  std::int64_t next_step_ = 0;
  std::unique_ptr<data::Prefetcher<TrainBatch>> prefetcher_;  // last: it calls make()
};

}  // namespace incipit::trainer
