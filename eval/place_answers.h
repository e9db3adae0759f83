// Answers by a head that scores places of a text.
#pragma once

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "eval/eval_options.h"
#include "eval/scorer.h"
#include "methods/prompted_model.h"

namespace incipit::eval {

// Returns the entities of every text (data::entities_json): those of its words' tags, of which each
// is the head's largest output. Words that were cut have no entity. Throws and reports progress as
// score_candidates() does. Collective over `ranks`, which share the examples; every rank returns
// all answers.
[[nodiscard]] std::vector<std::string> find_entities(const methods::Prompted& model,
                                                     const data::Task& task,
                                                     const data::Dataset& dataset,
                                                     const EvalOptions& options,
                                                     comm::Communicator& ranks,
                                                     const ScoringProgress& on_progress = nullptr);

// Returns the answer in every text, at most 30 words: those for which the head's output "begins
// here" at the first word and "ends here" at the last one have the largest sum. "" in a text
// without words. Otherwise like find_entities().
[[nodiscard]] std::vector<std::string> find_spans(const methods::Prompted& model,
                                                  const data::Task& task,
                                                  const data::Dataset& dataset,
                                                  const EvalOptions& options,
                                                  comm::Communicator& ranks,
                                                  const ScoringProgress& on_progress = nullptr);

}  // namespace incipit::eval
