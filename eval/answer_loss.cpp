#include "eval/answer_loss.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "core/check.h"
#include "core/error.h"

namespace incipit::eval {
namespace {

// Makes each example's target its only candidate.
data::Dataset with_targets_as_candidates(const data::Dataset& split) {
  std::vector<data::Example> examples(split.begin(), split.end());
  for (data::Example& example : examples) {
    example.candidates = std::make_shared<data::Candidates>(
        data::Candidates{{.label = "target", .text = {}, .tokens = example.target}});
  }
  return {split.file(), std::move(examples), split.skipped()};
}

}  // namespace

std::vector<double> target_losses(const methods::Prompted& model, const data::Task& task,
                                  const data::Dataset& dataset, const EvalOptions& options,
                                  comm::Communicator& ranks, const ScoringProgress& on_progress) {
  if (!dataset.labelled()) {
    throw DataError(dataset.file() + ": task '" + task.options().name +
                    "' is measured by the likelihood of its targets, and an example has none");
  }
  SharedBeginning beginning = beginning_of(model, task);
  std::vector<double> losses;
  for (const auto& likelihoods : candidate_likelihoods(
           beginning, task, with_targets_as_candidates(dataset), options, ranks, on_progress)) {
    losses.push_back(-likelihoods.front());
  }
  return losses;
}

std::vector<double> answer_losses(const methods::Prompted& model, const data::Task& task,
                                  const data::Dataset& dataset, const EvalOptions& options,
                                  comm::Communicator& ranks) {
  if (dataset.empty() || dataset[0].candidates->empty()) {
    return target_losses(model, task, dataset, options, ranks);
  }
  SharedBeginning beginning = beginning_of(model, task);
  return candidate_losses(dataset, candidate_likelihoods(beginning, task, dataset, options, ranks));
}

std::vector<double> candidate_losses(const data::Dataset& dataset, const Likelihoods& likelihoods) {
  std::vector<double> losses;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const std::vector<double>& logits = likelihoods[static_cast<std::size_t>(i)];
    const int label = dataset.facts(i).label;
    INCIPIT_CHECK(label >= 0, "a right candidate");
    const double highest = *std::max_element(logits.begin(), logits.end());
    double total = 0;
    for (const double logit : logits) total += std::exp(logit - highest);
    losses.push_back(highest + std::log(total) - logits[static_cast<std::size_t>(label)]);
  }
  return losses;
}

}  // namespace incipit::eval
