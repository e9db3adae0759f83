// The log-likelihood of every candidate of every example.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "eval/eval_options.h"
#include "model/backbone.h"

namespace incipit::eval {

// By example, in the order of the data set.
struct Scores {
  std::vector<std::vector<double>> scores;  // [examples][candidates], as EvalOptions::score says
  std::vector<int> predictions;             // the candidate of the highest score; ties: the first
};

// Told now and then how many of `total` examples are scored. Rank 0 speaks for all, as if the
// others kept pace with it.
using ScoringProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// Scores `dataset` with the soft prompt `prompt` ([P, hidden] float32; nothing: none).
//
// Collective over `ranks`, which share the examples; every rank returns all scores. The
// beginning that all examples share (BOS, soft prompt, demonstrations) is computed once
// and stays resident; then batches of about options.batch_tokens rows are computed, each
// with the candidates of an example as a trie below its source.
//
// Every example has candidates. `on_progress`, where given, is called on rank 0 of `ranks` before
// the first of its batches and after each. Throws NumericsError, on every rank, when a score is not
// finite; Stopped, on every rank, when one left since a stop was requested (core/stop_request.h),
// which ranks do between batches, but not those that hold a model together.
[[nodiscard]] Scores score_candidates(const model::Backbone& backbone, const data::Task& task,
                                      const data::Dataset& dataset,
                                      const std::optional<at::Tensor>& prompt,
                                      const EvalOptions& options, comm::Communicator& ranks,
                                      const ScoringProgress& on_progress = nullptr);

}  // namespace incipit::eval
