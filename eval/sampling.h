// Samples the next token.
#pragma once

#include <span>

#include "core/forest.h"
#include "core/random.h"

namespace incipit::eval {

// Samples an index of `logits` with probability proportional to exp(logit / temperature). If
// `top_p` is below 1, samples only from the fewest most likely tokens whose probabilities sum to at
// least `top_p` (at least one token). temperature > 0; logits are finite. Consumes one number of
// `random`.
[[nodiscard]] TokenId sample_token(std::span<const float> logits, double temperature, double top_p,
                                   Random& random);

}  // namespace incipit::eval
