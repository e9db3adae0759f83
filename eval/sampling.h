// The next token, drawn.
#pragma once

#include <span>

#include "core/forest.h"
#include "core/random.h"

namespace incipit::eval {

// Draws an index of `logits` with probability proportional to exp(logit / temperature). With
// `top_p` below 1, only from the likeliest tokens whose probabilities just reach `top_p` in sum (at
// least one). temperature > 0; finite logits; consumes one number of `random`.
[[nodiscard]] TokenId sample_token(std::span<const float> logits, double temperature, double top_p,
                                   Random& random);

}  // namespace incipit::eval
