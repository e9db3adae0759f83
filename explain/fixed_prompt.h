// A prompt that is used and not trained: the contribution of a trained one, whole or changed in a
// position.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "methods/prompted_model.h"
#include "methods/trainable.h"

namespace incipit::explain {

// Returns what the prompt contributes to passes, without gradients.
[[nodiscard]] methods::Contribution contribution_of(methods::Trainable& prompt,
                                                    const model::Backbone& backbone);
// Whether it is keys and values of every layer.
[[nodiscard]] bool is_deep(const methods::Contribution& prompt);
// Returns the number of its positions.
[[nodiscard]] std::int64_t positions_of(const methods::Contribution& prompt);

// Return the prompt without a position, or with `row` [hidden] in the place of an input row.
[[nodiscard]] methods::Contribution without_position(const methods::Contribution& prompt,
                                                     std::int64_t position);
[[nodiscard]] methods::Contribution with_row(const methods::Contribution& prompt,
                                             std::int64_t position, const at::Tensor& row);

// Returns the model with this prompt, or without one if it has no positions. The backbone must
// outlive it.
[[nodiscard]] methods::PromptedModel model_with(const model::Backbone& backbone,
                                                const methods::Contribution& prompt);

}  // namespace incipit::explain
