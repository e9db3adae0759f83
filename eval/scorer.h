// Scores every candidate of every example.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "eval/content_free.h"
#include "eval/eval_options.h"
#include "eval/shared_beginning.h"
#include "methods/prompted_model.h"

namespace incipit::eval {

// The answers to the examples, in dataset order.
struct Scores {
  // [examples][candidates], as EvalOptions::score says; empty if answers were generated.
  Likelihoods scores;
  // The highest-scoring candidate; of several, the first. For a generated answer, its label: an
  // index into the example's candidates, or into the task's labels if there are no candidates; -1
  // if the answer is none of them.
  std::vector<int> predictions;
  // The candidate's label, or the generated text.
  std::vector<std::string> texts{};
  // How far answers have the task's format: of candidates, the mean probability that the model says
  // one of them (candidate_mass); of generated answers, the share that are a label or, if answers
  // are free text, that have text.
  double on_format = 0;
};

// Reports how many of `total` examples are scored. Rank 0 reports for all ranks and assumes that
// the others keep pace with it.
using ScoringProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// By example: how many numbers are computed, and the rows of the batch that it takes.
struct ExampleSizes {
  std::vector<std::size_t> numbers;
  std::vector<std::int64_t> rows;
};
// Computes the numbers of examples[i] and writes them to numbers[i], on the ranks that hold one
// copy of the model together; on all but the last pipeline stage, leaves or writes zeros. Without
// examples, runs the passes in which other ranks need this one (FSDP).
using BatchRun = std::function<void(std::span<const data::Example* const> examples,
                                    std::span<const std::span<double>> numbers)>;

// Returns the numbers that `run` computes for every example, in batches that ranks take in turn.
// Same contract as score_candidates() for ranks, progress and errors.
[[nodiscard]] Likelihoods numbers_of_examples(const methods::PromptedModel& model,
                                              const data::Dataset& dataset,
                                              const ExampleSizes& sizes, std::int64_t batch_tokens,
                                              comm::Communicator& ranks,
                                              const ScoringProgress& on_progress,
                                              const BatchRun& run);

// Scores the candidates of `dataset` with the model's prompt. Every example must have candidates.
//
// The beginning that all examples share (BOS, prompt, few-shot examples) is computed once and
// stays resident. Batches of about options.batch_tokens rows are computed after it; the candidates
// of an example form a trie below its source. Under `pmi` and `calibrated`, every distinct
// candidate is also computed once after each input without content (eval/content_free.h).
//
// Rank 0 of `ranks` calls `on_progress`, if given, before its first batch and after each batch.
// Throws ConfigError when an input without content leaves nothing to predict from. On every rank,
// throws NumericsError when a score is not finite, and Stopped when a rank left early after a stop
// request (core/stop_request.h). Ranks check for one between batches, except where several ranks
// hold one model together.
//
// Collective over `ranks`, which share the examples; every rank returns all scores.
[[nodiscard]] Scores score_candidates(const methods::Prompted& model, const data::Task& task,
                                      const data::Dataset& dataset, const EvalOptions& options,
                                      comm::Communicator& ranks,
                                      const ScoringProgress& on_progress = nullptr);

// Scores with several of the model's prompts: each pass has a root for every one of them, or if
// they do not fit in a batch with the longest example, for as many as do. Returns the scores of
// each, in the order of `prompts`. Otherwise like score_candidates().
[[nodiscard]] std::vector<Scores> score_together(
    const methods::PromptedModel& model, std::span<const std::size_t> prompts,
    const data::Task& task, const data::Dataset& dataset, const EvalOptions& options,
    comm::Communicator& ranks, const ScoringProgress& on_progress = nullptr);

// Returns the log-likelihoods of the candidates of `dataset` after `beginning`, which is that of
// `task`. Otherwise like score_candidates().
[[nodiscard]] Likelihoods candidate_likelihoods(SharedBeginning& beginning, const data::Task& task,
                                                const data::Dataset& dataset,
                                                const EvalOptions& options,
                                                comm::Communicator& ranks,
                                                const ScoringProgress& on_progress = nullptr);

// Returns the beginning that all examples of a task share with the model's prompt, computed.
[[nodiscard]] SharedBeginning beginning_of(const methods::Prompted& model, const data::Task& task);

// Divides each candidate's log-likelihood by its number of tokens or bytes, as `score` says; pmi
// and calibrated divide by nothing, as sum does.
void divide_by_length(Score score, const data::Dataset& dataset, Likelihoods& likelihoods);

// Returns the highest-scoring candidate of every example.
[[nodiscard]] Scores best_candidates(const data::Dataset& dataset, Likelihoods scores);

// Whether a rank may leave between batches without the others. Ranks that hold one model together
// must run every batch together.
[[nodiscard]] bool leaves_alone(const model::Placement& placement);

}  // namespace incipit::eval
