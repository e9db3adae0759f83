// Text <-> token ids, as the model's tokenizer.json says.
//
// Our own reading of Hugging Face's tokenizer.json (the `tokenizers` library's format):
// byte-level BPE (GPT-2, SmolLM, Llama 3, Qwen) and Metaspace / byte-fallback BPE
// (Llama 2, Mistral, Gemma). A component that is not supported is refused by its name.
//
// "post_processor", "truncation" and "padding" are not applied: what stands around a text
// (BOS, EOS) and how long it may be is the task's to say.
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
  // file and the key when it is missing, damaged or uses what is not supported; for a
  // SentencePiece or tiktoken model alone, with the command that converts it.
  [[nodiscard]] static Tokenizer load(const std::filesystem::path& path);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Ids of `text` (UTF-8), added tokens recognised, nothing added by a post-processor.
  // Equal to those of the `tokenizers` library (0.23) with add_special_tokens=False.
  // Thread-safe. Throws DataError on invalid UTF-8 and on 2 GiB or more.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const;

  // Text of `ids`, valid UTF-8; special added tokens are left out when `skip_special`,
  // ids that no token has always. Thread-safe.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;

  // Number of ids including added tokens (highest id + 1). A model may have more rows.
  [[nodiscard]] std::int64_t vocab_size() const;
  [[nodiscard]] std::optional<TokenId> token_to_id(std::string_view token) const;
  [[nodiscard]] std::string id_to_token(TokenId id) const;  // "" when there is none
  [[nodiscard]] bool is_special(TokenId id) const;          // left out by skip_special

  // Hash of the tokenizer.json bytes (SHA-256, hex): to compare ranks and to key caches.
  [[nodiscard]] const std::string& fingerprint() const;

 private:
  friend class StreamDecoder;
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Decodes ids as they are generated. The parts, joined, are the text that
// Tokenizer::decode gives for all of the ids.
class StreamDecoder {
 public:
  // `tokenizer` must outlive it.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true);
  ~StreamDecoder();
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;

  // The text that has become certain: whole UTF-8, often "" while a character's bytes are
  // on the way (with byte fallback: until a run of byte tokens ends).
  [[nodiscard]] std::string add(TokenId id);

  // The rest, after the last id; nothing may be added behind it.
  [[nodiscard]] std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace incipit::data
