// Added tokens that a model folder names outside of tokenizer.json.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "data/tokenizer/json_node.h"

namespace incipit::data {

// Reads a JSON object from a file of a model folder; null if the file is missing. Throws DataError.
[[nodiscard]] nlohmann::json read_json_object(const std::filesystem::path& path);

// The tokenizer_config.json of a model folder. As in transformers 5, special_tokens_map.json takes
// precedence for the keys that both have, unless tokenizer_config.json lists added_tokens_decoder.
[[nodiscard]] nlohmann::json read_tokenizer_config(const std::filesystem::path& model_dir);

// Returns the text of a token: "<s>", or {"content": "<s>", ...}.
[[nodiscard]] std::string token_content(const JsonNode& token);

// Returns the tokens that transformers 5 adds to `tokenizer`, the content of tokenizer.json, in
// the order in which it adds them: of added_tokens_decoder (tokenizer_config.json) or of
// added_tokens.json, then named special tokens, then additional ones. In the form of the
// "added_tokens" of tokenizer.json, with an id where a file states one.
[[nodiscard]] nlohmann::json other_added_tokens(const std::filesystem::path& model_dir,
                                                const nlohmann::json& tokenizer);

}  // namespace incipit::data
