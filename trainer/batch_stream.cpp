#include "trainer/batch_stream.h"

#include <utility>

#include "core/check.h"
#include "core/error.h"

namespace incipit::trainer {
namespace {

constexpr std::size_t kBatchesAhead = 4;

const data::Dataset& require_examples(const data::Dataset& train) {
  if (train.empty()) {
    throw DataError(train.file() +
                    ": no examples to train on; name a file with some in task.train");
  }
  return train;
}

}  // namespace

std::unique_ptr<Objective> make_objective(Loss loss, const TrainBatch& batch) {
  return loss == Loss::kCandidates ? candidate_objective(batch.packed, batch.groups)
                                   : target_token_objective(batch.packed.forest);
}

BatchStream::BatchStream(const data::Task& task, const data::Dataset& train,
                         const StreamOptions& options)
    : task_(task),
      train_(require_examples(train)),
      options_(options),
      lengths_(train.lengths()),
      sampler_(train.groups(), options.seed, options.shuffle) {
  if (options.loss == Loss::kCandidates && task.generates()) {
    throw ConfigError("train.loss: 'candidates' needs a task with a verbalizer, and '" +
                      task.options().name + "' has none; use 'target_tokens'");
  }
  next_step_ = options.first_step;
  prefetcher_ = std::make_unique<data::Prefetcher<TrainBatch>>(
      [this]() -> std::optional<TrainBatch> {
        if (next_step_ >= options_.steps) return std::nullopt;
        return make(next_step_++);
      },
      kBatchesAhead);
}

TrainBatch BatchStream::next() {
  std::optional<TrainBatch> batch = prefetcher_->next();
  INCIPIT_CHECK(batch.has_value(), "no batch behind the last step");
  return *std::move(batch);
}

TrainBatch BatchStream::make(std::int64_t step) {
  const std::vector<std::int64_t> global =
      sampler_.batch(step * options_.batch_size, options_.batch_size);
  std::vector<std::int64_t> lengths;
  for (const std::int64_t index : global) lengths.push_back(lengths_[index]);
  std::vector<data::Example> held;
  const auto places = data::split_over_ranks(lengths, options_.ranks);
  for (const std::int64_t place : places[options_.rank]) {
    held.push_back(train_[global[place]]);
  }
  std::vector<const data::Example*> mine;
  for (const data::Example& example : held) mine.push_back(&example);

  TrainBatch batch{.packed = {}, .groups = {}, .examples = static_cast<std::int64_t>(mine.size())};
  if (options_.loss == Loss::kTargetTokens) {
    batch.packed = data::training_batch(task_, mine, options_.prompt).packed;
    return batch;
  }
  data::ScoringBatch scoring = data::scoring_batch(task_, mine, options_.prompt);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    CandidateGroup& group = batch.groups.emplace_back();
    for (auto s = scoring.first[i]; s < scoring.first[i + 1]; ++s) group.sequences.push_back(s);
    group.gold = mine[i]->label;
  }
  batch.packed = std::move(scoring.packed);
  return batch;
}

}  // namespace incipit::trainer
