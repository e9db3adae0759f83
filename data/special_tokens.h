// The tokens that begin and end a text, as the model's files name them.
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
  // The model's tokenizer puts its BOS in front of a text by itself.
  bool adds_bos = false;
  // Whatever ends a generated text: eos and generation_config.json's eos_token_id.
  std::vector<TokenId> stops;
};

// Reads the model folder's tokenizer.json (post_processor), tokenizer_config.json (bos_token,
// eos_token, and add_bos_token, which has the last word), generation_config.json and config.json
// (bos_token_id, eos_token_id); only tokenizer.json must be there. A token that the tokenizer does
// not know counts as none. Throws DataError naming the file and key when one is damaged.
[[nodiscard]] SpecialTokens read_special_tokens(const std::filesystem::path& model_dir,
                                                const Tokenizer& tokenizer);

}  // namespace incipit::data
