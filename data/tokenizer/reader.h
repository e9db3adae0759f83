// Reads the parts of a tokenizer.json.
#pragma once

#include <filesystem>

#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/bpe.h"
#include "data/tokenizer/decoder.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/pre_tokenizer.h"

namespace incipit::data {

struct TokenizerParts {
  Normalizers normalizers;
  PreTokenizers pre_tokenizers;
  Bpe model;
  AddedTokens added_tokens;
  Decoder decoder;
  std::string fingerprint;  // SHA-256 (hex) of tokenizer.json and of tokens added by other files
};

// Returns `path` if it is a tokenizer.json, or the tokenizer.json in the folder `path`. Throws
// DataError when there is none.
[[nodiscard]] std::filesystem::path find_tokenizer_json(const std::filesystem::path& path);

// Reads a tokenizer.json and, if `model_dir` is not empty, the tokens that the other files of this
// model folder add (other_added_tokens.h). Throws DataError naming file and key when a file is
// damaged or uses an unsupported feature.
[[nodiscard]] TokenizerParts read_tokenizer_json(const std::filesystem::path& file,
                                                 const std::filesystem::path& model_dir = {});

}  // namespace incipit::data
