#include "trainer/batch_stream.h"

#include <utility>

#include "core/check.h"
#include "core/error.h"

namespace incipit::trainer {
namespace {

constexpr std::size_t kBatchesAhead = 4;

void require_usable(const std::vector<TrainSource>& sources, Loss loss) {
  INCIPIT_CHECK(loss != Loss::kDistillation || (sources.size() == 1 && sources.front().teacher),
                "one task with a teacher is distilled");
  for (const TrainSource& source : sources) {
    if (source.train->empty()) {
      throw DataError(source.train->file() +
                      ": no examples to train on; name a file with some in task.train");
    }
    if (loss == Loss::kCandidates && source.task->generates()) {
      throw ConfigError("train.loss: 'candidates' needs a task with a verbalizer, and '" +
                        source.task->options().name + "' has none; use 'target_tokens'");
    }
  }
}

data::MixtureSampler make_sampler(const std::vector<TrainSource>& sources,
                                  const StreamOptions& options) {
  require_usable(sources, options.loss);
  std::vector<data::Sampler> samplers;
  std::vector<std::int64_t> weights;
  for (const TrainSource& source : sources) {
    samplers.emplace_back(source.train->groups(), source.seed.value_or(options.seed),
                          options.shuffle);
    weights.push_back(source.weight);
  }
  return {std::move(samplers), std::move(weights)};
}

// Adds the choices of the first and of the last word of the answer, if it is a span. `sequence` is
// that of the example.
void add_span(const data::Task& task, const data::Example& example, std::size_t sequence,
              TrainBatch& batch) {
  if (task.options().kind != data::TaskKind::kExtractiveQuestion) return;
  const std::vector<std::int32_t>& targets = batch.packed.targets[sequence];
  for (std::size_t output = 0; output < 2; ++output) {
    CandidateGroup& group = batch.groups.emplace_back();
    group.gold = example.target[output];
    for (std::size_t t = output; t < targets.size(); t += 2) {
      group.candidates.push_back({targets[t]});
    }
  }
}

}  // namespace

std::unique_ptr<Objective> make_objective(Loss loss, const TrainBatch& batch, at::Device device) {
  const bool chooses = loss == Loss::kCandidates || !batch.groups.empty();
  return chooses ? candidate_objective(batch.groups, device)
                 : target_token_objective(batch.packed.forest, device);
}

std::unique_ptr<Objective> make_objective(Loss loss, const TrainBatch& batch, int task,
                                          at::Device device) {
  std::vector<std::int32_t> sequences;
  std::vector<CandidateGroup> groups;
  for (std::size_t i = 0; i < batch.tasks.size(); ++i) {
    if (batch.tasks[i] != task) continue;
    if (loss == Loss::kCandidates) {
      groups.push_back(batch.groups[i]);
    } else {
      sequences.push_back(static_cast<std::int32_t>(i));
    }
  }
  return loss == Loss::kCandidates ? candidate_objective(groups, device)
                                   : target_token_objective(batch.packed, sequences, device);
}

BatchStream::BatchStream(std::vector<TrainSource> sources, const StreamOptions& options)
    : sources_(std::move(sources)), options_(options), sampler_(make_sampler(sources_, options)) {
  for (const TrainSource& source : sources_) lengths_.push_back(source.train->lengths());
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
  INCIPIT_CHECK(batch.has_value(), "no batch after the last step");
  return *std::move(batch);
}

// Returns this rank's share of the step's global batch.
std::vector<data::MixtureSampler::Draw> BatchStream::draw_own(std::int64_t step) {
  const auto global = sampler_.batch(step * options_.batch_size, options_.batch_size);
  std::vector<std::int64_t> lengths;
  for (const auto& [task, example] : global) lengths.push_back(lengths_[task][example]);
  std::vector<data::MixtureSampler::Draw> own;
  const auto places = data::split_over_ranks(lengths, options_.ranks);
  for (const std::int64_t place : places[options_.rank]) own.push_back(global[place]);
  return own;
}

void BatchStream::add_teacher(const std::vector<data::Example>& examples, TrainBatch& batch) const {
  std::vector<const data::Example*> pointers;
  for (const data::Example& example : examples) pointers.push_back(&example);
  batch.teacher =
      eval::teacher_parts(*sources_.front().teacher, pointers, batch.packed, options_.teacher_rows);
}

TrainBatch BatchStream::make(std::int64_t step) {
  const auto draws = draw_own(step);
  TrainBatch batch{
      .packed = {}, .groups = {}, .tasks = {}, .examples = static_cast<std::int64_t>(draws.size())};
  std::vector<data::Example> examples;
  examples.reserve(draws.size());  // items point into this vector
  std::vector<data::BatchItem> items;
  for (const auto& [task, example] : draws) {
    const TrainSource& source = sources_[task];
    examples.push_back((*source.train)[example]);
    items.push_back({source.task, &examples.back(), source.prompt});
    batch.tasks.push_back(task);
  }
  if (options_.loss != Loss::kCandidates) {
    batch.packed = data::pack_targets(items);
    for (std::size_t i = 0; i < items.size(); ++i) add_span(*items[i].task, examples[i], i, batch);
    if (options_.loss == Loss::kDistillation) add_teacher(examples, batch);
    return batch;
  }
  data::ScoringBatch scoring = data::scoring_batch(items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    CandidateGroup& group = batch.groups.emplace_back();
    for (auto s = scoring.first[i]; s < scoring.first[i + 1]; ++s) {
      group.candidates.push_back(scoring.packed.targets[s]);
    }
    group.gold = examples[i].label;
  }
  batch.packed = std::move(scoring.packed);
  return batch;
}

}  // namespace incipit::trainer
