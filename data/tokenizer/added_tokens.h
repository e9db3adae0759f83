// Added tokens: strings that map to one id before the model tokenizes the rest.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizer/bpe.h"
#include "data/tokenizer/flat_map.h"
#include "data/tokenizer/json_node.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/pieces.h"

namespace incipit::data {

struct AddedToken {
  TokenId id = kNoToken;
  std::string content;
  bool single_word = false;  // matches only between non-word characters
  bool lstrip = false;       // includes white space before it
  bool rstrip = false;       // includes white space after it
  bool normalized = true;    // matched, normalized, in the normalized text
  bool special = false;      // can be left out of decoded text
};

// Finds the leftmost occurrence of any of several strings; the longest first.
class TextTrie {
 public:
  void insert(std::string_view text, std::size_t value);
  [[nodiscard]] bool empty() const { return node_count_ == 1; }

  struct Match {
    std::size_t begin;
    std::size_t end;
    std::size_t value;
  };
  [[nodiscard]] std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  std::size_t node_count_ = 1;
  FlatMap<std::uint32_t> edges_;  // node << 8 | byte -> node
  FlatMap<std::size_t> values_;   // node -> value
  std::array<bool, 256> starts_{};
};

class AddedTokens {
 public:
  AddedTokens() = default;

  // Reads "added_tokens". A token in the model's vocabulary keeps its id. Others get the next free
  // ids in file order, whatever ids the file gives (a difference is logged as a warning), as in the
  // `tokenizers` library.
  AddedTokens(const JsonNode& node, const Bpe& model, const Normalizers& normalizers);

  // Splits `text` into added tokens and normalized pieces.
  void extract(std::string_view text, const Normalizers& normalizers, Pieces& pieces) const;

  [[nodiscard]] std::optional<TokenId> token_to_id(std::string_view content) const;
  [[nodiscard]] const AddedToken* by_id(TokenId id) const;  // nullptr: none
  // Returns the content passed to the decoder, normalized if the token is.
  [[nodiscard]] const std::string& decoded(const AddedToken& token) const;
  // Whether a special token has this content.
  [[nodiscard]] bool is_special(std::string_view text) const;
  [[nodiscard]] TokenId max_id() const { return max_id_; }

 private:
  void add(AddedToken token, const Bpe& model, const Normalizers& normalizers);
  void cut(const Piece& piece, const TextTrie& trie, Pieces& pieces) const;

  std::vector<AddedToken> tokens_;
  std::vector<std::string> decoded_;  // parallel to tokens_
  std::unordered_map<std::string, std::size_t> by_content_;
  std::unordered_map<TokenId, std::size_t> by_id_;
  TextTrie plain_;  // not normalized
  TextTrie normalized_;
  TokenId max_id_ = -1;
  TokenId new_tokens_ = 0;  // added tokens not in the model's vocabulary
};

}  // namespace incipit::data
