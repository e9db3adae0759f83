#include "explain/answer_losses.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/check.h"
#include "core/error.h"
#include "data/batch.h"
#include "eval/batches.h"
#include "eval/scorer.h"
#include "eval/shared_beginning.h"
#include "explain/fixed_prompt.h"
#include "nn/host_copy.h"

namespace incipit::explain {
namespace {

using Losses = std::vector<ExampleLoss>;

double log_sum_exp(const std::vector<double>& numbers) {
  const double highest = *std::max_element(numbers.begin(), numbers.end());
  double sum = 0;
  for (const double number : numbers) sum += std::exp(number - highest);
  return highest + std::log(sum);
}

Losses candidate_losses(const Subject& subject, const methods::PromptedModel& model) {
  const eval::Scores scores = eval::score_candidates(
      model, subject.task, subject.examples,
      {.batch_tokens = subject.batch_tokens, .score = data::Score::kSum}, subject.ranks);
  Losses losses;
  for (std::int64_t i = 0; i < subject.examples.size(); ++i) {
    const std::vector<double>& own = scores.scores[i];
    const int label = subject.examples[i].label;
    INCIPIT_CHECK(label >= 0, "an example without a label");
    losses.push_back({log_sum_exp(own) - own[label], 1});
  }
  return losses;
}

// Computes the losses of the examples of a batch, given by their indices.
void add_target_losses(const Subject& subject, eval::SharedBeginning& beginning,
                       std::span<const std::int64_t> batch, Losses& losses) {
  std::vector<data::Example> examples;
  for (const std::int64_t index : batch) examples.push_back(subject.examples[index]);
  std::vector<const data::Example*> pointers;
  for (const data::Example& example : examples) pointers.push_back(&example);
  const PackedForest packed = data::pack_targets(subject.task, pointers, beginning.prompt_rows());
  const at::Tensor likelihoods =
      nn::to_host(beginning.run(packed.forest, {}).pass.log_likelihoods(), subject.ranks,
                  "log-likelihoods")
          .to(at::kDouble);
  const double* by_target = likelihoods.const_data_ptr<double>();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    ExampleLoss& loss = losses[batch[i]];
    for (const std::int32_t target : packed.targets[i]) {
      loss.sum -= by_target[target];
      loss.count += 1;
    }
  }
}

Losses target_losses(const Subject& subject, const methods::PromptedModel& model) {
  eval::SharedBeginning beginning(model, [&](PromptRows rows) {
    return data::source_sequence(subject.task, data::Example{}, rows);
  });
  const eval::Batches plan =
      eval::plan_batches(subject.examples, subject.examples.lengths(), subject.batch_tokens, 1);
  Losses losses(static_cast<std::size_t>(subject.examples.size()));
  for (int b = 0; b < plan.count(); ++b) {
    add_target_losses(
        subject, beginning,
        std::span(plan.order).subspan(plan.begins[b], plan.begins[b + 1] - plan.begins[b]), losses);
  }
  return losses;
}

}  // namespace

Losses example_losses(const Subject& subject, const methods::Contribution& prompt) {
  const methods::PromptedModel model = model_with(subject.backbone, prompt);
  Losses losses =
      subject.by_candidates ? candidate_losses(subject, model) : target_losses(subject, model);
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (std::isfinite(losses[i].sum)) continue;
    throw NumericsError(subject.examples.file() + ":" +
                        std::to_string(subject.examples[static_cast<std::int64_t>(i)].line) +
                        ": the loss of this example is not finite; look at the prompt and the "
                        "model's weights");
  }
  return losses;
}

double mean_loss(const Losses& losses, Half half) {
  ExampleLoss total;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (half != Half::kBoth && (i % 2 == 0) != (half == Half::kEven)) continue;
    total.sum += losses[i].sum;
    total.count += losses[i].count;
  }
  return total.sum / total.count;
}

}  // namespace incipit::explain
