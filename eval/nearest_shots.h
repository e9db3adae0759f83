// Few-shot examples of each query's own: the training examples nearest to it in the frozen model's
// hidden states.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "methods/prompted_model.h"

namespace incipit::eval {

// Returns the mean over the tokens of every example's source of the hidden states after the last
// layer and the final norm, scaled to length 1: [examples, hidden] float64 on the CPU. The source
// is computed by itself, without BOS and few-shot examples, by a model without a prompt. Batches
// have about `batch_tokens` rows. Collective over `ranks`, which share the examples; every rank
// returns all states.
[[nodiscard]] at::Tensor mean_states(const model::Backbone& backbone, const data::Dataset& dataset,
                                     std::int64_t batch_tokens, comm::Communicator& ranks);

// Returns for every row of `queries` the indices of the `count` rows of `pool` with the highest
// cosine similarity, highest first. Similarities are rounded to five decimals, so that rounding in
// a pass decides nothing; ties: the lower index first. The rows have length 1.
[[nodiscard]] std::vector<std::vector<std::int64_t>> nearest_rows(const at::Tensor& queries,
                                                                  const at::Tensor& pool,
                                                                  std::int64_t count);

// The training examples that queries choose among.
struct ShotPool {
  std::vector<data::Record> records;
  at::Tensor states;  // mean_states()
};

// Computes the pool of all examples of `train`. Throws DataError when there are fewer than
// task.shots. Collective as mean_states().
[[nodiscard]] ShotPool make_shot_pool(const model::Backbone& backbone, const data::Task& task,
                                      const data::Dataset& train, std::int64_t batch_tokens,
                                      comm::Communicator& ranks);

// Returns the examples of `dataset` with task.shots examples of the pool at the beginning of each
// source: the nearest last, beside the query. Throws DataError when an example then needs more
// positions than the model has, with a soft prompt of `prompt_rows` rows. Collective as
// mean_states().
[[nodiscard]] data::Dataset with_nearest_shots(const model::Backbone& backbone,
                                               const data::Task& task, const data::Dataset& dataset,
                                               const ShotPool& pool, std::int64_t prompt_rows,
                                               std::int64_t batch_tokens,
                                               comm::Communicator& ranks);

}  // namespace incipit::eval
