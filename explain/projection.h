// Prompts and vocabulary in two dimensions.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "data/tokenizer/tokenizer.h"
#include "explain/explanation.h"
#include "model/backbone.h"

namespace incipit::explain {

// A prompt's name and its rows [P, hidden] float32 on the CPU.
using NamedRows = std::pair<std::string, at::Tensor>;

// Returns the two principal components of the prompts' rows together with `tokens` embeddings, at
// even steps through the vocabulary. The sign of a component is such that its largest coordinate is
// positive.
[[nodiscard]] Projection project(const std::vector<NamedRows>& prompts, std::int64_t tokens,
                                 const data::Tokenizer& tokenizer, const model::Backbone& backbone);

}  // namespace incipit::explain
