// Initializes the values of a soft prompt.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/forest.h"  // TokenId
#include "methods/prompt_tuning/prompt_options.h"
#include "methods/prompt_tuning/soft_prompt.h"

namespace incipit::prompt_tuning {

// What initializers need from the model and the task. The caller tokenizes, so nothing here depends
// on a tokenizer.
struct InitInputs {
  // Looks up rows of the embedding table: ids -> [ids, hidden] float32 on the CPU
  // (Backbone::embed).
  std::function<at::Tensor(std::span<const TokenId>)> embed;
  std::int64_t vocab_size = 0;                  // > 0
  std::int64_t hidden_size = 0;                 // > 0
  std::vector<TokenId> special_ids;             // never sampled
  std::vector<TokenId> text_ids;                // init.text, tokenized; for text
  std::vector<std::vector<TokenId>> label_ids;  // one list per label text; for class_labels
};

// Returns a prompt of [num_virtual_tokens, hidden] float32. A pure function of its arguments: the
// same on every rank, platform and run. Throws ConfigError when the text or the labels have no
// tokens, DataError when the file of `file` does not fit.
[[nodiscard]] SoftPrompt initialize_prompt(const PromptOptions& options, const InitInputs& inputs,
                                           std::uint64_t seed, const std::string& name);

// Returns the root mean square of all entries of the embedding table.
[[nodiscard]] double embedding_rms(const InitInputs& inputs);

}  // namespace incipit::prompt_tuning
