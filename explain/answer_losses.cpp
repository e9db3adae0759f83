#include "explain/answer_losses.h"

#include "eval/answer_loss.h"
#include "explain/fixed_prompt.h"

namespace incipit::explain {

std::vector<ExampleLoss> example_losses(const Subject& subject,
                                        const methods::Contribution& prompt) {
  const methods::PromptedModel model = model_with(subject.backbone, prompt);
  const eval::EvalOptions options{.batch_tokens = subject.batch_tokens, .score = data::Score::kSum};
  std::vector<ExampleLoss> losses;
  if (subject.by_candidates) {
    for (const double loss :
         eval::answer_losses(model, subject.task, subject.examples, options, subject.ranks)) {
      losses.push_back({loss, 1});
    }
    return losses;
  }
  const auto sums =
      eval::target_losses(model, subject.task, subject.examples, options, subject.ranks);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto tokens = subject.examples[static_cast<std::int64_t>(i)].target.size();
    losses.push_back({sums[i], static_cast<double>(tokens)});
  }
  return losses;
}

double mean_loss(const std::vector<ExampleLoss>& losses, Half half) {
  ExampleLoss total;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (half != Half::kBoth && (i % 2 == 0) != (half == Half::kEven)) continue;
    total.sum += losses[i].sum;
    total.count += losses[i].count;
  }
  return total.sum / total.count;
}

}  // namespace incipit::explain
