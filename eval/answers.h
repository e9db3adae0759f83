// Produces the model's answer to every example: the highest-scoring candidate, or generated text.
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
#include "eval/generation.h"
#include "eval/scorer.h"
#include "methods/prompted_model.h"

namespace incipit::eval {

// The tokens of an answer.
struct GeneratedAnswer {
  std::vector<TokenId> tokens;  // without EOS, and without the task's `answer_stop`
  bool ended = false;           // by an EOS
};

// Generates an answer to each example and returns them in dataset order. An answer ends with an EOS
// of the model, with the task's `answer_stop`, or after generation.max_tokens. A batch has about
// options.batch_tokens rows, including the tokens still to be generated. Example i draws as
// sequence i does in Generator::run, so ranks and batches change a sample only by rounding.
// `on_progress` is called, and a stop request handled, as in score_candidates(). Throws what
// Generator::run throws, and Stopped. Collective over `ranks`, which share the examples; every rank
// returns all answers.
[[nodiscard]] std::vector<GeneratedAnswer> generate_tokens(
    const methods::Prompted& model, const data::Task& task, const data::Dataset& dataset,
    const EvalOptions& options, GenerationOptions generation, comm::Communicator& ranks,
    const ScoringProgress& on_progress = nullptr);

// Generates answers as generate_tokens() and returns them without special tokens. The model's own
// repetition penalty replaces that of `generation`.
[[nodiscard]] std::vector<std::string> generate_answers(
    const methods::Prompted& model, const data::Task& task, const data::Dataset& dataset,
    const EvalOptions& options, GenerationOptions generation, comm::Communicator& ranks,
    const ScoringProgress& on_progress = nullptr);

// Whether the task's answers are generated (`task.answer`).
[[nodiscard]] bool answers_by_generation(const data::Task& task);

// Maps a generated text to a label by `task.answer_rule`. Returns an index into the example's
// candidates, or into the task's labels if it has no candidates; -1 if the text is none of them.
// Under `referent`, the example's first reference is the referent.
[[nodiscard]] int label_of_answer(const data::Task& task, const data::Example& example,
                                  std::string_view text);

// Scores candidates, generates answers, or finds entities or spans (eval/place_answers.h), as the
// task says. `generation`: default: greedy answers of at most task.max_answer_tokens tokens. Throws
// what score_candidates() and generate_answers() throw. Collective over `ranks`; every rank returns
// all answers.
[[nodiscard]] Scores answer_examples(const methods::Prompted& model, const data::Task& task,
                                     const data::Dataset& dataset, const EvalOptions& options,
                                     comm::Communicator& ranks,
                                     const ScoringProgress& on_progress = nullptr,
                                     const std::optional<GenerationOptions>& generation = {});

}  // namespace incipit::eval
