#include "data/tokenizer/tokenizer.h"

#include <algorithm>

#include "core/error.h"
#include "data/tokenizer/reader.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {

struct Tokenizer::Impl {
  TokenizerParts parts;
  bool marks_beginnings = false;  // a text gets a mark for a space before it

  // Returns the token as passed to the decoder; nullptr if there is none or it is skipped.
  [[nodiscard]] const std::string* token(TokenId id, bool skip_special) const {
    const AddedToken* added = parts.added_tokens.by_id(id);
    const std::string* text =
        added != nullptr ? &parts.added_tokens.decoded(*added) : parts.model.id_to_token(id);
    if (text == nullptr || (skip_special && parts.added_tokens.is_special(*text))) return nullptr;
    return text;
  }
};

namespace {

// Memory that `encode` reuses between calls.
struct EncodeScratch {
  Pieces pieces;
  Bpe::Scratch bpe;
};

EncodeScratch& encode_scratch() {
  thread_local EncodeScratch scratch;
  return scratch;
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  const bool is_folder = std::filesystem::is_directory(path);
  Tokenizer tokenizer(std::make_unique<Impl>(
      Impl{read_tokenizer_json(find_tokenizer_json(path), is_folder ? path : "")}));
  const std::vector<TokenId> ids = tokenizer.encode("a");
  const std::string first = ids.empty() ? "" : tokenizer.id_to_token(ids.front());
  tokenizer.impl_->marks_beginnings = first.starts_with("\u2581") || first.starts_with("\u0120");
  return tokenizer;
}

std::vector<TokenId> Tokenizer::encode(std::string_view text) const {
  if (text.size() > INT32_MAX) {
    throw DataError("a text of " + std::to_string(text.size()) +
                    " bytes cannot be tokenised at once; expected less than 2 GiB");
  }
  if (!is_valid_utf8(text)) throw DataError("a text to be tokenised is not valid UTF-8");
  const TokenizerParts& parts = impl_->parts;
  EncodeScratch& scratch = encode_scratch();
  scratch.pieces.arena.reset();
  parts.added_tokens.extract(text, parts.normalizers, scratch.pieces);
  for (const auto& step : parts.pre_tokenizers.list) step->apply(scratch.pieces);
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 3 + 4);
  for (const Piece& piece : scratch.pieces.list) {
    if (piece.token != kNoToken) {
      ids.push_back(piece.token);
    } else {
      parts.model.encode(piece.text, scratch.bpe, ids);
    }
  }
  return ids;
}

std::vector<TokenId> Tokenizer::encode_after(std::string_view before, std::string_view text) const {
  if (!impl_->marks_beginnings || before.empty()) return encode(text);
  const std::vector<TokenId> head = encode(before);
  std::vector<TokenId> whole = encode(std::string(before).append(text));
  if (whole.size() < head.size() || !std::equal(head.begin(), head.end(), whole.begin())) {
    return encode(text);
  }
  whole.erase(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(head.size()));
  return whole;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  DecodeChain chain = impl_->parts.decoder.start();
  for (const TokenId id : ids) {
    if (const std::string* token = impl_->token(id, skip_special)) chain.put(*token);
  }
  chain.finish();
  return chain.take();
}

std::int64_t Tokenizer::vocab_size() const {
  const TokenizerParts& parts = impl_->parts;
  return std::int64_t{std::max(parts.model.max_id(), parts.added_tokens.max_id())} + 1;
}

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  if (const auto id = impl_->parts.added_tokens.token_to_id(token)) return id;
  return impl_->parts.model.token_to_id(token);
}

std::string Tokenizer::id_to_token(TokenId id) const {
  const std::string* token = impl_->token(id, /*skip_special=*/false);
  return token == nullptr ? "" : *token;
}

bool Tokenizer::is_special(TokenId id) const {
  const std::string* token = impl_->token(id, /*skip_special=*/false);
  return token != nullptr && impl_->parts.added_tokens.is_special(*token);
}

const std::string& Tokenizer::fingerprint() const { return impl_->parts.fingerprint; }

struct StreamDecoder::Impl {
  const Tokenizer::Impl* tokenizer;
  bool skip_special;
  DecodeChain chain;
};

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special)
    : impl_(std::make_unique<Impl>(
          Impl{tokenizer.impl_.get(), skip_special, tokenizer.impl_->parts.decoder.start()})) {}
StreamDecoder::~StreamDecoder() = default;
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;

std::string StreamDecoder::add(TokenId id) {
  if (const std::string* token = impl_->tokenizer->token(id, impl_->skip_special)) {
    impl_->chain.put(*token);
  }
  return impl_->chain.take();
}

std::string StreamDecoder::finish() {
  impl_->chain.finish();
  return impl_->chain.take();
}

}  // namespace incipit::data
