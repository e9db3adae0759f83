// Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909) of one word.
//
// Repeatedly applies the merge of lowest rank, leftmost first among equals, until none applies.
// Ranks belong to pairs of ids, so several merges may produce the same token.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/tokenizer/flat_map.h"
#include "data/tokenizer/tokenizer.h"

namespace incipit::data {

struct BpeConfig {
  // Ids are in [0, 2^31) and unique. Tokens are valid UTF-8.
  std::vector<std::pair<std::string, TokenId>> vocab;
  std::vector<std::pair<std::string, std::string>> merges;  // by rank; all parts in vocab
  std::optional<std::string> unk_token;
  bool byte_fallback = false;  // an unknown character becomes its bytes' tokens, "<0xE2>"
  bool fuse_unk = false;       // consecutive unknown characters become one unk_token
  bool ignore_merges = false;  // a word that is a token is not split
};

class Bpe {
 public:
  // The input of `encode`: text as in the vocabulary, or the raw bytes that the vocabulary's
  // byte-level alphabet represents.
  enum class Input { kText, kBytes };

  // Throws std::invalid_argument naming a merge whose part or result is not a token.
  Bpe(BpeConfig config, Input input);

  // Scratch memory that `encode` reuses. One per thread.
  struct Scratch {
    struct Symbol {
      TokenId id;
      std::uint32_t begin;  // byte offset in the word; kInner within a character or unknown
    };
    static constexpr std::uint32_t kInner = UINT32_MAX;
    std::vector<Symbol> symbols;
    std::vector<std::uint64_t> queue;
    std::vector<std::int32_t> rank, product, next, previous;
  };

  // Appends the ids of `word`. Throws DataError when an unknown character needs an unk_token that
  // is not in the vocabulary. Thread-safe.
  void encode(std::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const;

  [[nodiscard]] std::optional<TokenId> token_to_id(std::string_view token) const;
  [[nodiscard]] const std::string* id_to_token(TokenId id) const;  // nullptr: none
  [[nodiscard]] std::int64_t size() const { return size_; }        // number of tokens
  [[nodiscard]] TokenId max_id() const { return static_cast<TokenId>(tokens_.size()) - 1; }

 private:
  using Symbol = Scratch::Symbol;
  struct Merge {
    std::int32_t rank;
    TokenId product;
  };
  struct Whole {
    TokenId id;
    bool alone;  // its merges also produce exactly this token
  };

  void read_vocab(const BpeConfig& config);
  void read_merges(const BpeConfig& config);
  void read_initial_symbols();
  void find_whole_words();
  [[nodiscard]] const Merge* merge_of(TokenId left, TokenId right) const;
  [[nodiscard]] bool may_join(TokenId left, TokenId right) const;
  [[nodiscard]] TokenId initial_symbol(char32_t code) const;

  void append_symbols(std::string_view word, std::vector<Symbol>& symbols) const;
  void append_unknown(std::string_view character, std::optional<TokenId>& pending,
                      std::vector<Symbol>& symbols) const;
  void merge_symbols(std::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const;
  void merge_chunk(std::size_t begin, std::size_t end, Scratch& scratch,
                   std::vector<TokenId>& ids) const;
  void merge_short(Symbol* symbols, std::size_t count, std::vector<TokenId>& ids) const;
  void merge_long(std::size_t begin, std::size_t end, Scratch& scratch,
                  std::vector<TokenId>& ids) const;

  Input input_;
  std::optional<std::string> unk_token_;
  bool byte_fallback_, fuse_unk_, ignore_merges_;
  std::int64_t size_ = 0;

  std::vector<std::string> tokens_;   // by id; "" where there is none
  std::vector<bool> has_token_;       // by id
  FlatStringMap<TokenId> ids_;        // token -> id
  FlatStringMap<Whole> whole_words_;  // in the encoding of `input_`
  std::size_t longest_word_ = 0;      // bytes of the longest of whole_words_

  FlatMap<Merge> merges_;
  FlatMap<char> joints_;                     // pairs of initial symbols that some merge joins
  bool cuts_allowed_ = true;                 // whether joints_ shows where to split a word
  FlatMap<TokenId> chars_;                   // character -> initial symbol
  std::array<TokenId, 256> byte_symbols_{};  // byte, or ASCII character -> symbol, -1: none
};

}  // namespace incipit::data
