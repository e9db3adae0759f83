// The tokens that begin and end a text, and how text is generated, as the model's files say.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
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
  // Of generated text: repetition_penalty of generation_config.json (eval/generation.h).
  double repetition_penalty = 1;
  // Keys of that file which generated text does not follow (data/generation_keys.h).
  std::vector<std::string> unread_generation_keys{};
  std::vector<std::string> sampling_keys{};
};

// Reads special tokens from the model folder: tokenizer.json (post_processor),
// tokenizer_config.json and special_tokens_map.json (bos_token, eos_token), generation_config.json
// and config.json (bos_token_id, eos_token_id). As in transformers 5, the post-processor decides
// whether a BOS is added, whatever add_bos_token says. Only tokenizer.json is required. A token
// that the tokenizer does not know is ignored. Throws DataError naming the file and key when one is
// damaged.
[[nodiscard]] SpecialTokens read_special_tokens(const std::filesystem::path& model_dir,
                                                const Tokenizer& tokenizer);

}  // namespace incipit::data
