// Decomposed prompt tuning (Xiao et al. 2023): a soft prompt that is the product of two small
// matrices, P = A B with A [tokens, rank] and B [rank, hidden].
//
// A reparameterisation: what it contributes to the model, and its adapters, are those of
// prompt_tuning, so PEFT loads them as soft prompts.
#pragma once

#include <incipit/methods/method.h>

namespace own {

struct DecomposedPromptOptions {
  std::int64_t rank = 4;
};

[[nodiscard]] incipit::methods::Method decomposed_prompt();
// The key `rank` of the `method` block of a configuration.
[[nodiscard]] incipit::methods::MethodDeclaration decomposed_prompt_options();

}  // namespace own
