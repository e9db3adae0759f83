// What the model answers to every example: the candidate of the highest score, or a text.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "eval/eval_options.h"
#include "eval/scorer.h"
#include "model/backbone.h"

namespace incipit::eval {

// The greedy answers, at most `max_tokens` tokens each, in the order of the data set; special
// tokens are left out. Collective over `ranks`, which share the examples; every rank returns all
// answers. A batch holds about options.batch_tokens rows, those still to be generated counted.
// `on_progress`, and how a stop request ends it, as in score_candidates(). Throws as Generator::run
// does, and Stopped.
[[nodiscard]] std::vector<std::string> generate_answers(
    const model::Backbone& backbone, const data::Task& task, const data::Dataset& dataset,
    const std::optional<at::Tensor>& prompt, const EvalOptions& options, std::int64_t max_tokens,
    comm::Communicator& ranks, const ScoringProgress& on_progress = nullptr);

// Whether the task's answers are generated: `task.answer`.
[[nodiscard]] bool answers_by_generation(const data::Task& task);

// The label that a generated text is, as `task.answer_rule` says: an index into the example's
// candidates, or without any into the task's labels; -1: none of them. Under `referent`
// the example's first reference is the referent.
[[nodiscard]] int label_of_answer(const data::Task& task, const data::Example& example,
                                  std::string_view text);

// Answers in the one way that the task names, at most `max_tokens` tokens where they are generated
// (nothing: task.max_answer_tokens). Collective over `ranks`; every rank returns all. Throws as
// score_candidates() and generate_answers() do.
[[nodiscard]] Scores answer_examples(const model::Backbone& backbone, const data::Task& task,
                                     const data::Dataset& dataset,
                                     const std::optional<at::Tensor>& prompt,
                                     const EvalOptions& options, comm::Communicator& ranks,
                                     const ScoringProgress& on_progress = nullptr,
                                     std::optional<std::int64_t> max_tokens = {});

}  // namespace incipit::eval
