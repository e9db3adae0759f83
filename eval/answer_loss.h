// How improbable the right answers are to a model.
#pragma once

#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "eval/eval_options.h"
#include "eval/scorer.h"
#include "methods/prompted_model.h"

namespace incipit::eval {

// Returns -log p(target) of every example, summed over the target's tokens, in nats. Throws
// DataError when an example has no target, and as score_candidates(). Collective over `ranks`.
[[nodiscard]] std::vector<double> target_losses(const methods::Prompted& model,
                                                const data::Task& task,
                                                const data::Dataset& dataset,
                                                const EvalOptions& options,
                                                comm::Communicator& ranks,
                                                const ScoringProgress& on_progress = nullptr);

// The same for the right answer: where there are candidates, p is its probability among them, with
// the summed log-likelihoods of their tokens as logits. Every example needs a right answer that is
// one of its candidates.
[[nodiscard]] std::vector<double> answer_losses(const methods::Prompted& model,
                                                const data::Task& task,
                                                const data::Dataset& dataset,
                                                const EvalOptions& options,
                                                comm::Communicator& ranks);

// Returns the cross-entropy of each example's right candidate.
[[nodiscard]] std::vector<double> candidate_losses(const data::Dataset& dataset,
                                                   const Likelihoods& likelihoods);

}  // namespace incipit::eval
