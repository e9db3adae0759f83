#include "eval/scorer.h"

#include <algorithm>
#include <cmath>
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
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const data::Candidates& candidates = *examples[i]->candidates;
      for (std::size_t c = 0; c < candidates.size(); ++c) {
        double sum = 0;
        for (const std::int32_t t : batch.packed.targets[batch.first[i] + c]) sum += by_target[t];
        scores[i][c] = sum;
      }
    }
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

}  // namespace

bool leaves_alone(const model::Placement& placement) {
  return placement.tensor->size() * placement.pipeline->size() * placement.fsdp->size() == 1;
}

Likelihoods candidate_likelihoods(SharedBeginning& beginning, const data::Task& task,
                                  const data::Dataset& dataset, const EvalOptions& options,
                                  comm::Communicator& ranks, const ScoringProgress& on_progress) {
  const methods::Prompted& model = beginning.model();
  std::vector<std::size_t> first{0};  // start of each example's scores in `all`
  for (const Example& example : dataset) {
    INCIPIT_CHECK(example.candidates && !example.candidates->empty(), "an example to be scored");
    first.push_back(first.back() + example.candidates->size());
  }
  std::vector<double> all(first.back() + 1);  // last: number of ranks that left early

  Scorer scorer(beginning, task);
  const Batches plan =
      plan_batches(dataset, rows_by_example(dataset), options.batch_tokens, ranks.size());
  const auto tell = [&](int batches) {
    if (on_progress && ranks.rank() == 0) on_progress(plan.begins[batches], dataset.size());
  };
  tell(0);
  for (int turn = 0; turn < plan.count(); turn += ranks.size()) {
    const int b = turn + ranks.rank();
    if (b >= plan.count()) {
      // Ranks that hold one model together run the last batch together.
      (void)model.model.forward({});
      break;
    }
    if (stop_requested() && leaves_alone(model.backbone().placement())) {
      all.back() = 1;
      break;
    }
    std::vector<Example> held;
    std::vector<std::span<double>> scores;
    for (std::int64_t i = plan.begins[b]; i < plan.begins[b + 1]; ++i) {
      const std::int64_t index = plan.order[i];
      held.push_back(dataset[index]);
      scores.push_back(std::span(all).subspan(first[index], first[index + 1] - first[index]));
    }
    std::vector<const Example*> examples;
    for (const Example& example : held) examples.push_back(&example);
    scorer.run(examples, scores);
    tell(std::min(turn + ranks.size(), plan.count()));
  }
  // Scores are nonzero only on the last pipeline stage of one model replica.
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
  Likelihoods scores = candidate_likelihoods(beginning, task, dataset, options, ranks, on_progress);
  const double on_format = candidate_mass(scores);
  if (needs_content_free(score)) {
    const ContentFree inputs(score, task, dataset, model.rows().rows > 0);
    inputs.apply(scores, dataset,
                 candidate_likelihoods(beginning, task, inputs.dataset(), options, ranks));
  }
  divide_by_length(score, dataset, scores);
  Scores best = best_candidates(dataset, std::move(scores));
  best.on_format = on_format;
  return best;
}

}  // namespace incipit::eval
