// Builds the tables of a Bpe once.
#include <algorithm>
#include <stdexcept>

#include "core/check.h"
#include "data/tokenizer/bpe.h"
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/byte_token.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

std::uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

char32_t first_char(std::string_view text) {
  std::size_t position = 0;
  return next_char(text, position);
}

char32_t last_char(std::string_view text) {
  std::size_t position = text.size();
  return previous_char(text, position);
}

}  // namespace

Bpe::Bpe(BpeConfig config, Input input)
    : input_(input),
      unk_token_(config.unk_token),
      byte_fallback_(config.byte_fallback),
      fuse_unk_(config.fuse_unk),
      ignore_merges_(config.ignore_merges) {
  read_vocab(config);
  read_initial_symbols();
  read_merges(config);
  find_whole_words();
}

void Bpe::read_vocab(const BpeConfig& config) {
  for (const auto& [token, id] : config.vocab) {
    INCIPIT_CHECK(id >= 0, "token '", token, "'");
    if (static_cast<std::size_t>(id) >= tokens_.size()) {
      tokens_.resize(static_cast<std::size_t>(id) + 1);
      has_token_.resize(tokens_.size());
    }
    tokens_[id] = token;
    has_token_[id] = true;
    ids_.insert(token, id);
  }
  size_ = static_cast<std::int64_t>(config.vocab.size());
}

void Bpe::read_initial_symbols() {
  byte_symbols_.fill(-1);
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    const std::string& token = tokens_[id];
    if (token.empty() || utf8_length(token[0]) != token.size()) continue;
    const char32_t code = first_char(token);
    chars_.insert(code, static_cast<TokenId>(id));
    if (input_ == Input::kText && code < 0x80) byte_symbols_[code] = static_cast<TokenId>(id);
  }
  if (input_ != Input::kBytes) return;
  for (int byte = 0; byte < 256; ++byte) {
    byte_symbols_[byte] = initial_symbol(byte_level_char(static_cast<unsigned char>(byte)));
  }
}

TokenId Bpe::initial_symbol(char32_t code) const {
  const TokenId* found = chars_.find(code);
  return found == nullptr ? -1 : *found;
}

void Bpe::read_merges(const BpeConfig& config) {
  const auto id_of = [&](const std::string& token, const auto& merge) {
    const TokenId* id = ids_.find(token);
    if (id == nullptr) {
      throw std::invalid_argument("the merge '" + merge.first + "' + '" + merge.second +
                                  "' names '" + token + "', which is not in the vocabulary");
    }
    return *id;
  };
  for (std::size_t rank = 0; rank < config.merges.size(); ++rank) {
    const auto& merge = config.merges[rank];
    const TokenId left = id_of(merge.first, merge);
    const TokenId right = id_of(merge.second, merge);
    const TokenId product = id_of(merge.first + merge.second, merge);
    merges_.insert(pair_key(left, right), {static_cast<std::int32_t>(rank), product});

    // A token made of characters shows which symbols are at its ends; a token made of bytes or
    // unknown characters does not.
    const auto opaque = [&](const std::string& token) {
      return token.empty() || byte_of_token(token).has_value() || token == unk_token_;
    };
    if (opaque(merge.first) || opaque(merge.second)) {
      cuts_allowed_ = false;
      continue;
    }
    const TokenId before = initial_symbol(last_char(merge.first));
    const TokenId after = initial_symbol(first_char(merge.second));
    if (before >= 0 && after >= 0) joints_.insert(pair_key(before, after), 1);
  }
}

void Bpe::find_whole_words() {
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    if (!has_token_[id] || tokens_[id].empty()) continue;
    std::string word = tokens_[id];
    if (input_ == Input::kBytes) {
      auto bytes = from_byte_level(word);
      if (!bytes) continue;
      word = *std::move(bytes);
    }
    longest_word_ = std::max(longest_word_, word.size());
    whole_words_.insert(word, {static_cast<TokenId>(id), false});
  }
  Scratch scratch;
  std::vector<TokenId> ids;
  whole_words_.for_each([&](std::string_view word, Whole& whole) {
    scratch.symbols.clear();
    append_symbols(word, scratch.symbols);
    ids.clear();
    merge_chunk(0, scratch.symbols.size(), scratch, ids);
    whole.alone = ignore_merges_ || (ids.size() == 1 && ids[0] == whole.id);
  });
}

const Bpe::Merge* Bpe::merge_of(TokenId left, TokenId right) const {
  return merges_.find(pair_key(left, right));
}

bool Bpe::may_join(TokenId left, TokenId right) const {
  return joints_.find(pair_key(left, right)) != nullptr;
}

std::optional<TokenId> Bpe::token_to_id(std::string_view token) const {
  const TokenId* id = ids_.find(token);
  return id == nullptr ? std::nullopt : std::optional<TokenId>(*id);
}

const std::string* Bpe::id_to_token(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size() || !has_token_[id]) return nullptr;
  return &tokens_[id];
}

}  // namespace incipit::data
