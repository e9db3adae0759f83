// The tokens that begin and end a text, as the model's files define them.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/forest.h"  // TokenId
#include "data/tokenizer/tokenizer.h"

namespace incipit::data {

struct SpecialTokens {
  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  // Whether the model's tokenizer adds BOS before a text automatically.
  bool adds_bos = false;
  // All tokens that end generated text: eos and eos_token_id of generation_config.json.
  std::vector<TokenId> stops;
};

// Reads special tokens from the model folder: tokenizer.json (post_processor),
// tokenizer_config.json (bos_token, eos_token, and add_bos_token, which takes precedence),
// generation_config.json and config.json (bos_token_id, eos_token_id). Only tokenizer.json is
// required. A token that the tokenizer does not know is ignored. Throws DataError naming the file
// and key when one is damaged.
[[nodiscard]] SpecialTokens read_special_tokens(const std::filesystem::path& model_dir,
                                                const Tokenizer& tokenizer);

}  // namespace incipit::data
