// The tokens whose embeddings are nearest to vectors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "data/tokenizer/tokenizer.h"
#include "explain/explanation.h"
#include "model/backbone.h"

namespace incipit::explain {

// Returns the Euclidean norm of each row: [n, 1].
[[nodiscard]] at::Tensor row_norms(const at::Tensor& rows);

// Returns the text of a token, special tokens included.
[[nodiscard]] std::string token_text(const data::Tokenizer& tokenizer, TokenId id);

// Returns the number of ids that both the tokenizer and the embedding table have.
[[nodiscard]] std::int64_t known_tokens(const data::Tokenizer& tokenizer,
                                        const model::Backbone& backbone);

// Returns, for each of `rows` [n, hidden] float32 on the CPU, the `count` nearest tokens. Reads the
// embedding table in parts (Backbone::embed), so its memory does not grow with the vocabulary.
[[nodiscard]] std::vector<Neighbours> nearest_tokens(const at::Tensor& rows, int count,
                                                     const data::Tokenizer& tokenizer,
                                                     const model::Backbone& backbone);

}  // namespace incipit::explain
