// What the model answers to every example of a task that generates.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "eval/eval_options.h"
#include "model/backbone.h"

namespace incipit::eval {

// The greedy answers, at most `max_tokens` tokens each, in the order of the data set; special
// tokens are left out. Collective over `ranks`, which share the examples; every rank returns all
// answers. A batch holds about options.batch_tokens rows, those still to be generated counted.
// Throws as Generator::run does.
[[nodiscard]] std::vector<std::string> generate_answers(
    const model::Backbone& backbone, const data::Task& task, const data::Dataset& dataset,
    const std::optional<at::Tensor>& prompt, const EvalOptions& options, std::int64_t max_tokens,
    comm::Communicator& ranks);

}  // namespace incipit::eval
