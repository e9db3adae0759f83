#include "eval/scorer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>

#include "core/check.h"
#include "core/error.h"
#include "data/batch.h"
#include "data/sampler.h"
#include "eval/resident_root.h"
#include "model/forest_pass.h"

namespace incipit::eval {
namespace {

using data::Example;
using model::ForestPass;

struct Batches {
  std::vector<std::int64_t> order;   // of examples: common beginnings are neighbours
  std::vector<std::int64_t> begins;  // of batches in `order`, and its size
  [[nodiscard]] int count() const { return static_cast<int>(begins.size()) - 1; }
};

std::int64_t rows_of(const Example& example) {
  auto rows = static_cast<std::int64_t>(example.source.size());
  for (const auto& candidate : *example.candidates) {
    rows += static_cast<std::int64_t>(candidate.tokens.size()) - 1;
  }
  return std::max<std::int64_t>(rows, 1);
}

// Batches of about equal size, so that ranks that take turns end at about the same time.
Batches plan_batches(const data::Dataset& dataset, std::int64_t batch_rows, int ranks) {
  Batches plan;
  plan.order.resize(dataset.size());
  std::iota(plan.order.begin(), plan.order.end(), 0);
  std::stable_sort(plan.order.begin(), plan.order.end(), [&](std::int64_t a, std::int64_t b) {
    return dataset[a].source < dataset[b].source;
  });
  std::vector<std::int64_t> rows;
  for (const std::int64_t index : plan.order) rows.push_back(rows_of(dataset[index]));
  const std::int64_t total = std::accumulate(rows.begin(), rows.end(), std::int64_t{0});
  const auto up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const std::int64_t batches = std::max<std::int64_t>(up(up(total, batch_rows), ranks), 1) * ranks;
  const std::int64_t longest = rows.empty() ? 0 : *std::max_element(rows.begin(), rows.end());
  plan.begins = data::split_by_tokens(rows, std::min(batch_rows, up(total, batches) + longest / 2));
  return plan;
}

class Scorer {
 public:
  Scorer(const model::Backbone& backbone, const data::Task& task,
         const std::optional<at::Tensor>& prompt, Score score)
      : backbone_(backbone), task_(task), score_(score) {
    if (prompt) {
      prompts_.push_back(prompt->to(backbone.device()));
      prompt_rows_.rows = static_cast<int>(prompt->size(0));
    }
    const Sequence beginning = data::source_sequence(task, Example{}, prompt_rows_);
    shared_rows_ = static_cast<std::int64_t>(beginning.inputs.size());
    if (shared_rows_ == 0) return;
    shared_forest_ = pack({&beginning, 1}).forest;
    shared_.emplace(backbone_, shared_forest_, prompts_,
                    model::ForestPassOptions{.keep_keys_values = true});
  }

  // scores[i] receives the scores of examples[i].
  void run(std::span<const Example* const> examples, std::span<const std::span<double>> scores) {
    const data::ScoringBatch batch = data::scoring_batch(task_, examples, prompt_rows_);
    const at::Tensor likelihoods = forward(batch.packed.forest).to(at::kDouble);
    const double* by_target = likelihoods.const_data_ptr<double>();
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const data::Candidates& candidates = *examples[i]->candidates;
      for (std::size_t c = 0; c < candidates.size(); ++c) {
        double sum = 0;
        for (const std::int32_t t : batch.packed.targets[batch.first[i] + c]) sum += by_target[t];
        scores[i][c] = sum / divisor(candidates[c]);
      }
    }
  }

 private:
  [[nodiscard]] at::Tensor forward(const Forest& forest) {
    // A target on the shared rows' last one (an empty source) has that row computed again.
    const std::int64_t resident = std::min(shared_rows_, forest.targets.front().row);
    if (resident == 0) return ForestPass(backbone_, forest, prompts_, {}).log_likelihoods();
    const Forest rest = with_resident_root(forest, resident);
    const ForestPass pass(backbone_, rest, prompts_, {.residents = &shared_->keys_values()});
    return pass.log_likelihoods();
  }

  [[nodiscard]] double divisor(const data::Candidate& candidate) const {
    switch (score_) {
      case Score::kSum:
        return 1;
      case Score::kTokenMean:
        return static_cast<double>(candidate.tokens.size());
      case Score::kByteMean:
        return static_cast<double>(std::max<std::size_t>(candidate.text.size(), 1));
    }
    throw LogicError("unknown score");
  }

  const model::Backbone& backbone_;
  const data::Task& task_;
  Score score_;
  std::vector<at::Tensor> prompts_;
  data::PromptRows prompt_rows_;
  std::int64_t shared_rows_ = 0;
  Forest shared_forest_;
  std::optional<ForestPass> shared_;
};

void check_finite(const data::Dataset& dataset, const Scores& scores) {
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    for (const double score : scores.scores[i]) {
      if (std::isfinite(score)) continue;
      throw NumericsError(dataset.file() + ":" + std::to_string(dataset[i].line) +
                          ": the model's log-likelihood of an answer is not finite; look at the "
                          "soft prompt and the model's weights");
    }
  }
}

}  // namespace

Scores score_candidates(const model::Backbone& backbone, const data::Task& task,
                        const data::Dataset& dataset, const std::optional<at::Tensor>& prompt,
                        const EvalOptions& options, comm::Communicator& ranks) {
  std::vector<std::size_t> first{0};  // by example, in `all`
  for (const Example& example : dataset) {
    INCIPIT_CHECK(example.candidates && !example.candidates->empty(), "an example to be scored");
    first.push_back(first.back() + example.candidates->size());
  }
  std::vector<double> all(first.back());

  Scorer scorer(backbone, task, prompt, options.score);
  const Batches plan = plan_batches(dataset, options.batch_tokens, ranks.size());
  for (int b = ranks.rank(); b < plan.count(); b += ranks.size()) {
    std::vector<const Example*> examples;
    std::vector<std::span<double>> scores;
    for (std::int64_t i = plan.begins[b]; i < plan.begins[b + 1]; ++i) {
      const std::int64_t index = plan.order[i];
      examples.push_back(&dataset[index]);
      scores.push_back(std::span(all).subspan(first[index], first[index + 1] - first[index]));
    }
    scorer.run(examples, scores);
  }
  ranks.all_reduce_sum(std::span(all), "scores");  // each is zero on all ranks but one

  Scores result;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const std::vector<double>& own =
        result.scores.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(first[i]),
                                   all.begin() + static_cast<std::ptrdiff_t>(first[i + 1]));
    const auto best = std::max_element(own.begin(), own.end());
    result.predictions.push_back(static_cast<int>(best - own.begin()));
  }
  check_finite(dataset, result);
  return result;
}

}  // namespace incipit::eval
