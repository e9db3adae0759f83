// The score of every candidate of every example.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "eval/eval_options.h"
#include "model/backbone.h"

namespace incipit::eval {

// What was answered, by example, in the order of the data set.
struct Scores {
  // [examples][candidates], as EvalOptions::score says; empty where answers were generated.
  std::vector<std::vector<double>> scores;
  // The candidate of the highest score, of equal ones the first. Of a generated answer the label
  // that it is, an index into the example's candidates, or without any into the task's labels; -1:
  // none of them.
  std::vector<int> predictions;
  // The label of that candidate, or the text as it was generated.
  std::vector<std::string> texts{};
};

// Told now and then how many of `total` examples are scored. Rank 0 speaks for all, as if the
// others kept pace with it.
using ScoringProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// Scores `dataset` with the soft prompt `prompt` ([P, hidden] float32; nothing: none).
//
// Collective over `ranks`, which share the examples; every rank returns all scores. The
// beginning that all examples share (BOS, soft prompt, demonstrations) is computed once
// and stays resident; then batches of about options.batch_tokens rows are computed, each
// with the candidates of an example as a trie below its source. Under `pmi` every distinct
// candidate is first computed once behind Task::empty_source().
//
// Every example has candidates. `on_progress`, where given, is called on rank 0 of `ranks` before
// the first of its batches and after each. Throws NumericsError, on every rank, when a score is not
// finite; ConfigError where an empty input leaves nothing to compute pmi from; Stopped, on every
// rank, when one left since a stop was requested (core/stop_request.h), which ranks do between
// batches, but not those that hold a model together.
[[nodiscard]] Scores score_candidates(const model::Backbone& backbone, const data::Task& task,
                                      const data::Dataset& dataset,
                                      const std::optional<at::Tensor>& prompt,
                                      const EvalOptions& options, comm::Communicator& ranks,
                                      const ScoringProgress& on_progress = nullptr);

// Whether a rank may leave between batches by itself: ranks that hold a model together take every
// batch together.
[[nodiscard]] bool leaves_alone(const model::Placement& placement);

}  // namespace incipit::eval
