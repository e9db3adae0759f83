// What happens at a prompt's positions inside of the model, layer by layer.
#pragma once

#include <vector>

#include "explain/answer_losses.h"
#include "explain/explanation.h"

namespace incipit::explain {

// Returns, by position of the prompt and by layer, the attention weight that the position gets from
// the rows that predict the answers: the mean over heads, answer tokens and examples. The weights
// of a row sum to 1 over all rows that it sees, so what the positions do not get goes to BOS, text
// and answer.
[[nodiscard]] std::vector<std::vector<double>> attention_mass(const Subject& subject,
                                                              const methods::Contribution& prompt);

// Returns, by position and by layer, the `count` most likely next tokens if the layer were the last
// one: the model's final norm and head on the output of the layer (the "logit lens",
// nostalgebraist 2020). Needs a prompt of input rows.
[[nodiscard]] std::vector<std::vector<std::vector<RatedToken>>> logit_lens(
    const Subject& subject, const methods::Contribution& prompt, int count);

}  // namespace incipit::explain
