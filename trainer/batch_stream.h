// Prefetches this rank's share of every global batch.
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
#include "eval/teacher.h"
#include "trainer/objective.h"
#include "trainer/train_options.h"

namespace incipit::trainer {

struct TrainBatch {
  PackedForest packed;
  // Per example for Loss::kCandidates; of the first and the last words of answers that are spans.
  std::vector<CandidateGroup> groups;
  std::vector<int> tasks;                    // per example
  std::vector<eval::TeacherPart> teacher{};  // of all examples; only for Loss::kDistillation
  std::int64_t examples = 0;                 // on this rank
};

// Returns the objective over the batch, on a device.
[[nodiscard]] std::unique_ptr<Objective> make_objective(Loss loss, const TrainBatch& batch,
                                                        at::Device device);

// Returns the objective over the batch's examples of one task.
[[nodiscard]] std::unique_ptr<Objective> make_objective(Loss loss, const TrainBatch& batch,
                                                        int task, at::Device device);

// One source of training examples: a task, its training split and its soft prompt.
struct TrainSource {
  const data::Task* task = nullptr;
  const data::Dataset* train = nullptr;
  PromptRows prompt = {};
  const data::Task* teacher = nullptr;  // the task with the teacher's prompt: Loss::kDistillation
  std::int64_t weight = 1;  // sampling weight relative to the other sources (data/mixture.h)
  std::optional<std::uint64_t> seed{};  // of its order of examples; nothing: StreamOptions::seed
};

struct StreamOptions {
  std::int64_t batch_size = 1;  // global: examples over all ranks
  std::int64_t steps = 0;       // of the whole run
  std::int64_t first_step = 0;  // steps already done; the stream starts with the next one
  Loss loss = Loss::kTargetTokens;
  std::int64_t teacher_rows = 1;  // at most, of a part of the teacher's, without its prompt
  bool shuffle = true;
  std::uint64_t seed = 0;
  int rank = 0;  // among the ranks that share a batch
  int ranks = 1;
};

// Batches of a run, starting at a given step. The examples of step s are a pure function of the
// data, seed, weights, batch size and s. Their distribution over ranks is a function of the batch
// and the number of ranks.
class BatchStream {
 public:
  // The tasks and datasets that the sources point to must outlive the stream. Throws DataError when
  // a source has no examples, and ConfigError when Loss::kCandidates is used with a task without
  // candidates.
  BatchStream(std::vector<TrainSource> sources, const StreamOptions& options);

  // Returns the next step's batch. Call once for every remaining step.
  [[nodiscard]] TrainBatch next();

  // Total time that next() has waited, in seconds.
  [[nodiscard]] double wait_seconds() const { return prefetcher_->wait_seconds(); }

 private:
  [[nodiscard]] TrainBatch make(std::int64_t step);
  void add_teacher(const std::vector<data::Example>& examples, TrainBatch& batch) const;
  [[nodiscard]] std::vector<data::MixtureSampler::Draw> draw_own(std::int64_t step);

  std::vector<TrainSource> sources_;
  StreamOptions options_;
  std::vector<std::vector<std::int64_t>> lengths_;  // per source, per example
  data::MixtureSampler sampler_;
  std::int64_t next_step_ = 0;
  std::unique_ptr<data::Prefetcher<TrainBatch>> prefetcher_;  // declared last: it calls make()
};

}  // namespace incipit::trainer
