#include "eval/scorer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/stop_request.h"
#include "data/batch.h"
#include "eval/batches.h"
#include "eval/calibration.h"
#include "eval/content_free.h"
#include "eval/prompt_roots.h"
#include "eval/shared_beginning.h"
#include "nn/host_copy.h"

namespace incipit::eval {
namespace {

using data::Example;

std::vector<std::int64_t> rows_by_example(const data::Dataset& dataset) {
  std::vector<std::int64_t> all;
  for (const Example& example : dataset) {
    auto rows = static_cast<std::int64_t>(example.source.size());
    for (const auto& candidate : *example.candidates) {
      rows += static_cast<std::int64_t>(candidate.tokens.size()) - 1;
    }
    all.push_back(rows);
  }
  return all;
}

// Writes the log-likelihoods of the candidates of item `item` of a batch to `scores`.
void add_up(const data::ScoringBatch& batch, std::size_t item, const double* by_target,
            std::span<double> scores) {
  for (std::size_t c = 0; c < scores.size(); ++c) {
    scores[c] = 0;
    for (const std::int32_t t : batch.packed.targets[batch.first[item] + c]) {
      scores[c] += by_target[t];
    }
  }
}

class Scorer {
 public:
  Scorer(SharedBeginning& beginning, const data::Task& task)
      : task_(task),
        ranks_(*beginning.model().backbone().placement().tensor),
        beginning_(beginning) {}

  // Writes the log-likelihoods of the candidates of examples[i] to scores[i].
  void run(std::span<const Example* const> examples, std::span<const std::span<double>> scores) {
    const data::ScoringBatch batch = data::scoring_batch(task_, examples, beginning_.prompt_rows());
    const at::Tensor likelihoods =
        nn::to_host(beginning_.run(batch.packed.forest, {}).pass.log_likelihoods(), ranks_,
                    "log-likelihoods")
            .to(at::kDouble);
    const double* by_target = likelihoods.const_data_ptr<double>();
    for (std::size_t i = 0; i < examples.size(); ++i) add_up(batch, i, by_target, scores[i]);
  }

 private:
  const data::Task& task_;
  comm::Communicator& ranks_;
  SharedBeginning& beginning_;
};

void check_finite(const data::Dataset& dataset, const Likelihoods& likelihoods) {
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    for (const double score : likelihoods[i]) {
      if (std::isfinite(score)) continue;
      throw NumericsError(dataset.file() + ":" + std::to_string(dataset[i].line) +
                          ": the model's log-likelihood of an answer is not finite; look at the "
                          "prompt and the model's weights");
    }
  }
}

double divisor(Score score, const data::Candidate& candidate) {
  switch (score) {
    case Score::kSum:
    case Score::kPmi:
    case Score::kCalibrated:
      return 1;
    case Score::kTokenMean:
      return static_cast<double>(candidate.tokens.size());
    case Score::kByteMean:
      return static_cast<double>(std::max<std::size_t>(candidate.text.size(), 1));
  }
  throw LogicError("unknown score");
}

ExampleSizes sizes_of_candidates(const data::Dataset& dataset, std::size_t copies) {
  ExampleSizes sizes{{}, rows_by_example(dataset)};
  for (std::int64_t& rows : sizes.rows) rows *= static_cast<std::int64_t>(copies);
  for (const Example& example : dataset) {
    INCIPIT_CHECK(example.candidates && !example.candidates->empty(), "an example to be scored");
    sizes.numbers.push_back(copies * example.candidates->size());
  }
  return sizes;
}

}  // namespace

Likelihoods numbers_of_examples(const methods::PromptedModel& model, const data::Dataset& dataset,
                                const ExampleSizes& sizes, std::int64_t batch_tokens,
                                comm::Communicator& ranks, const ScoringProgress& on_progress,
                                const BatchRun& run) {
  std::vector<std::size_t> first{0};  // start of each example's numbers in `all`
  for (const std::size_t numbers : sizes.numbers) first.push_back(first.back() + numbers);
  std::vector<double> all(first.back() + 1);  // last: number of ranks that left early

  const Batches plan = plan_batches(dataset, sizes.rows, batch_tokens, ranks.size());
  const auto tell = [&](int batches) {
    if (on_progress && ranks.rank() == 0) on_progress(plan.begins[batches], dataset.size());
  };
  tell(0);
  for (int turn = 0; turn < plan.count(); turn += ranks.size()) {
    const int b = turn + ranks.rank();
    if (b >= plan.count()) {
      // Ranks that hold one model together run the last batch together.
      run({}, {});
      break;
    }
    if (stop_requested() && leaves_alone(model.backbone().placement())) {
      all.back() = 1;
      break;
    }
    std::vector<Example> held;
    std::vector<std::span<double>> numbers;
    for (std::int64_t i = plan.begins[b]; i < plan.begins[b + 1]; ++i) {
      const std::int64_t index = plan.order[i];
      held.push_back(dataset[index]);
      numbers.push_back(std::span(all).subspan(first[index], first[index + 1] - first[index]));
    }
    std::vector<const Example*> examples;
    for (const Example& example : held) examples.push_back(&example);
    run(examples, numbers);
    tell(std::min(turn + ranks.size(), plan.count()));
  }
  // The numbers are nonzero only on the last pipeline stage of one model replica.
  model.backbone().placement().pipeline->all_reduce_sum(std::span(all), "scores");
  ranks.all_reduce_sum(std::span(all), "scores");
  if (all.back() > 0) throw Stopped(dataset.file() + ": a signal ended its evaluation");

  Likelihoods result;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    result.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(first[i]),
                        all.begin() + static_cast<std::ptrdiff_t>(first[i + 1]));
  }
  check_finite(dataset, result);
  return result;
}

namespace {

// Adds the log-likelihoods of each prompt to `by_prompt`.
void add_likelihoods(const methods::PromptedModel& model, std::span<const std::size_t> prompts,
                     const data::Task& task, const data::Dataset& dataset,
                     const EvalOptions& options, comm::Communicator& ranks,
                     const ScoringProgress& on_progress, std::vector<Likelihoods>& by_prompt) {
  PromptRoots roots(model, prompts, task);
  const auto run = [&](std::span<const Example* const> examples,
                       std::span<const std::span<double>> numbers) {
    const auto scored = roots.run(examples);
    const at::Tensor by_target =
        nn::to_host(scored.pass.log_likelihoods(), *model.backbone().placement().tensor,
                    "log-likelihoods")
            .to(at::kDouble);
    for (std::size_t item = 0; item < prompts.size() * examples.size(); ++item) {
      const std::size_t example = item % examples.size();
      const std::size_t width = examples[example]->candidates->size();
      add_up(scored.batch, item, by_target.const_data_ptr<double>(),
             numbers[example].subspan(item / examples.size() * width, width));
    }
  };
  const Likelihoods all =
      numbers_of_examples(model, dataset, sizes_of_candidates(dataset, prompts.size()),
                          options.batch_tokens, ranks, on_progress, run);
  const std::size_t before = by_prompt.size();
  by_prompt.resize(before + prompts.size());
  for (const std::vector<double>& numbers : all) {
    const auto width = static_cast<std::ptrdiff_t>(numbers.size() / prompts.size());
    for (std::size_t p = 0; p < prompts.size(); ++p) {
      const auto begin = numbers.begin() + static_cast<std::ptrdiff_t>(p) * width;
      by_prompt[before + p].emplace_back(begin, begin + width);
    }
  }
}

// Returns the log-likelihoods of each prompt. As many prompts share a pass as fit in a batch with
// the longest example.
std::vector<Likelihoods> likelihoods_together(const methods::PromptedModel& model,
                                              std::span<const std::size_t> prompts,
                                              const data::Task& task, const data::Dataset& dataset,
                                              const EvalOptions& options, comm::Communicator& ranks,
                                              const ScoringProgress& on_progress) {
  std::int64_t longest = PromptRoots::longest(model, prompts, task);
  for (const std::int64_t rows : rows_by_example(dataset)) longest = std::max(longest, rows);
  const auto together = static_cast<std::size_t>(
      std::max<std::int64_t>(1, options.batch_tokens / std::max<std::int64_t>(1, longest)));
  std::vector<Likelihoods> by_prompt;
  while (by_prompt.size() < prompts.size()) {
    const auto left = prompts.subspan(by_prompt.size());
    add_likelihoods(model, left.first(std::min(together, left.size())), task, dataset, options,
                    ranks, on_progress, by_prompt);
  }
  return by_prompt;
}

// Returns the scores of candidates with these log-likelihoods. `inputs`, if the score needs them,
// are the inputs without content, and `of_inputs` their log-likelihoods.
Scores finished(Score score, const data::Dataset& dataset, Likelihoods likelihoods,
                const std::optional<ContentFree>& inputs, const Likelihoods& of_inputs) {
  const double on_format = candidate_mass(likelihoods);
  if (inputs) inputs->apply(likelihoods, dataset, of_inputs);
  divide_by_length(score, dataset, likelihoods);
  Scores best = best_candidates(dataset, std::move(likelihoods));
  best.on_format = on_format;
  return best;
}

// Returns the inputs without content that the score needs, if any.
std::optional<ContentFree> content_free(Score score, const data::Task& task,
                                        const data::Dataset& dataset, PromptRows prompt) {
  if (!needs_content_free(score)) return std::nullopt;
  return ContentFree(score, task, dataset, prompt.rows > 0);
}

}  // namespace

bool leaves_alone(const model::Placement& placement) {
  return placement.tensor->size() * placement.pipeline->size() * placement.fsdp->size() == 1;
}

Likelihoods candidate_likelihoods(SharedBeginning& beginning, const data::Task& task,
                                  const data::Dataset& dataset, const EvalOptions& options,
                                  comm::Communicator& ranks, const ScoringProgress& on_progress) {
  Scorer scorer(beginning, task);
  return numbers_of_examples(beginning.model().model, dataset, sizes_of_candidates(dataset, 1),
                             options.batch_tokens, ranks, on_progress,
                             [&](auto examples, auto scores) { scorer.run(examples, scores); });
}

SharedBeginning beginning_of(const methods::Prompted& model, const data::Task& task) {
  return {model, [&](PromptRows rows) { return data::source_sequence(task, Example{}, rows); }};
}

void divide_by_length(Score score, const data::Dataset& dataset, Likelihoods& likelihoods) {
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const data::Candidates& candidates = *dataset[i].candidates;
    std::vector<double>& own = likelihoods[static_cast<std::size_t>(i)];
    for (std::size_t c = 0; c < own.size(); ++c) own[c] /= divisor(score, candidates[c]);
  }
}

Scores best_candidates(const data::Dataset& dataset, Likelihoods scores) {
  Scores result;
  result.scores = std::move(scores);
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const std::vector<double>& own = result.scores[static_cast<std::size_t>(i)];
    const auto best = std::max_element(own.begin(), own.end()) - own.begin();
    result.predictions.push_back(static_cast<int>(best));
    result.texts.push_back((*dataset[i].candidates)[best].label);
  }
  return result;
}

Scores score_candidates(const methods::Prompted& model, const data::Task& task,
                        const data::Dataset& dataset, const EvalOptions& options,
                        comm::Communicator& ranks, const ScoringProgress& on_progress) {
  const Score score = options.score.value_or(task.options().score);
  SharedBeginning beginning = beginning_of(model, task);
  Likelihoods likelihoods =
      candidate_likelihoods(beginning, task, dataset, options, ranks, on_progress);
  const auto inputs = content_free(score, task, dataset, model.rows());
  Likelihoods of_inputs;
  if (inputs) {
    of_inputs = candidate_likelihoods(beginning, task, inputs->dataset(), options, ranks);
  }
  return finished(score, dataset, std::move(likelihoods), inputs, of_inputs);
}

std::vector<Scores> score_together(const methods::PromptedModel& model,
                                   std::span<const std::size_t> prompts, const data::Task& task,
                                   const data::Dataset& dataset, const EvalOptions& options,
                                   comm::Communicator& ranks, const ScoringProgress& on_progress) {
  INCIPIT_CHECK(!prompts.empty());
  const Score score = options.score.value_or(task.options().score);
  std::vector<Likelihoods> likelihoods =
      likelihoods_together(model, prompts, task, dataset, options, ranks, on_progress);
  const auto inputs = content_free(score, task, dataset, model.rows(prompts.front()));
  std::vector<Likelihoods> of_inputs(prompts.size());
  if (inputs) {
    of_inputs = likelihoods_together(model, prompts, task, inputs->dataset(), options, ranks, {});
  }
  std::vector<Scores> scores;
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    scores.push_back(finished(score, dataset, std::move(likelihoods[p]), inputs, of_inputs[p]));
  }
  return scores;
}

}  // namespace incipit::eval
