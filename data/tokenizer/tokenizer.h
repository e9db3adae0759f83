// Text <-> token ids, as the model's tokenizer.json says.
//
// Our own reading of Hugging Face's tokenizer.json (the `tokenizers` library's format):
// byte-level BPE (GPT-2, SmolLM, Llama 3, Qwen) and Metaspace / byte-fallback BPE
// (Llama 2, Mistral, Gemma). A component that is not supported is refused by its name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/forest.h"  // TokenId

namespace incipit::data {

class Tokenizer {
 public:
  // `path`: a tokenizer.json, or a folder that holds one. Throws DataError naming the
  // file and the key when it is missing, damaged or uses what is not supported.
  [[nodiscard]] static Tokenizer load(const std::filesystem::path& path);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Ids of `text` (UTF-8), added tokens recognised, nothing added by a post-processor.
  // Thread-safe. Throws DataError on invalid UTF-8.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const;

  // Text of `ids`; special added tokens are left out when `skip_special`.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;

  // Number of ids including added tokens (highest id + 1).
  [[nodiscard]] std::int64_t vocab_size() const;
  [[nodiscard]] std::optional<TokenId> token_to_id(std::string_view token) const;
  [[nodiscard]] std::string id_to_token(TokenId id) const;  // "" when there is none

  // Hash of the tokenizer.json bytes (SHA-256, hex): to compare ranks and to key caches.
  [[nodiscard]] const std::string& fingerprint() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace incipit::data
