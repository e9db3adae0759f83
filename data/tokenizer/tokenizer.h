// Converts between text and token ids as the model's tokenizer.json says.
//
// Our own implementation of Hugging Face's tokenizer.json (the `tokenizers` library's format):
// byte-level BPE (GPT-2, SmolLM, Llama 3, Qwen) and Metaspace / byte-fallback BPE (Llama 2,
// Mistral, Gemma). An unsupported component is rejected by name.
//
// "post_processor", "truncation" and "padding" are not applied: the task decides which tokens
// surround a text (BOS, EOS) and how long it may be.
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
  // `path`: a tokenizer.json, or a folder that contains one; then tokens that the folder's other
  // files add belong to the tokenizer, as in transformers 5. Throws DataError naming the file and
  // the key when it is missing, damaged or uses an unsupported feature. If there is only a
  // SentencePiece or tiktoken model, the message gives the command that converts it.
  [[nodiscard]] static Tokenizer load(const std::filesystem::path& path);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Returns the ids of `text` (UTF-8). Recognizes added tokens; adds none from a post-processor.
  // Equal to the `tokenizers` library (0.23) with add_special_tokens=False. Throws DataError on
  // invalid UTF-8 and on 2 GiB or more. Thread-safe.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const;

  // Returns the ids of `text` as it is tokenized after other text. Equal to encode(), except with
  // tokenizers that put a mark for a space before every text (Llama 2's and similar): there,
  // `text` has those ids of `before` + `text` that follow the ids of `before`. If the two share a
  // token, encode(text). Throws as encode() does. Thread-safe.
  [[nodiscard]] std::vector<TokenId> encode_after(std::string_view before,
                                                  std::string_view text) const;

  // Returns the text of `ids`, valid UTF-8. Special added tokens are left out if `skip_special`;
  // ids without a token are always left out. Thread-safe.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;

  // Number of ids including added tokens (highest id + 1). A model may have more rows.
  [[nodiscard]] std::int64_t vocab_size() const;
  [[nodiscard]] std::optional<TokenId> token_to_id(std::string_view token) const;
  [[nodiscard]] std::string id_to_token(TokenId id) const;  // "" when there is none
  [[nodiscard]] bool is_special(TokenId id) const;          // left out by skip_special

  // Hash (SHA-256, hex) of all that was read: compares ranks and keys caches.
  [[nodiscard]] const std::string& fingerprint() const;

 private:
  friend class StreamDecoder;
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Decodes ids as they are generated. The joined parts equal the text that Tokenizer::decode returns
// for all ids.
class StreamDecoder {
 public:
  // `tokenizer` must outlive the decoder.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true);
  ~StreamDecoder();
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;

  // Returns the text that has become final: complete UTF-8, often "" while a character's bytes are
  // incomplete (with byte fallback: until a run of byte tokens ends).
  [[nodiscard]] std::string add(TokenId id);

  // Returns the rest after the last id; nothing may be added afterwards.
  [[nodiscard]] std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace incipit::data
