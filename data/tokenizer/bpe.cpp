#include "data/tokenizer/bpe.h"

#include <algorithm>
#include <functional>

#include "core/error.h"
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/byte_token.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

constexpr std::int32_t kNoRank = INT32_MAX;
constexpr std::size_t kShortWord = 32;  // symbols; the quadratic algorithm is faster up to here

}  // namespace

void Bpe::encode(std::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const {
  if (word.empty()) return;
  if (word.size() <= longest_word_) {
    const Whole* whole = whole_words_.find(word);
    if (whole != nullptr && whole->alone) {
      ids.push_back(whole->id);
      return;
    }
  }
  scratch.symbols.clear();
  append_symbols(word, scratch.symbols);
  merge_symbols(word, scratch, ids);
}

void Bpe::append_symbols(std::string_view word, std::vector<Symbol>& symbols) const {
  if (input_ == Input::kBytes) {
    for (std::size_t i = 0; i < word.size(); ++i) {
      const TokenId id = byte_symbols_[static_cast<unsigned char>(word[i])];
      if (id < 0) break;
      symbols.push_back({id, static_cast<std::uint32_t>(i)});
    }
    if (symbols.size() == word.size()) return;
    symbols.clear();  // the vocabulary lacks a byte: treat as unknown character
  }
  const std::string alphabet = input_ == Input::kBytes ? to_byte_level(word) : std::string();
  const std::string_view text = input_ == Input::kBytes ? std::string_view(alphabet) : word;
  std::optional<TokenId> pending;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i;
    const char32_t code = next_char(text, i);
    const TokenId id =
        code < 0x80 && input_ == Input::kText ? byte_symbols_[code] : initial_symbol(code);
    if (id < 0) {
      append_unknown(text.substr(begin, i - begin), pending, symbols);
      continue;
    }
    if (pending) symbols.push_back({*pending, Scratch::kInner});
    pending.reset();
    const bool countable = input_ == Input::kText;
    symbols.push_back({id, countable ? static_cast<std::uint32_t>(begin) : Scratch::kInner});
  }
  if (pending) symbols.push_back({*pending, Scratch::kInner});
}

// An unknown token is kept in `pending`, so that its neighbours can fuse with it. Byte tokens are
// appended without flushing it.
void Bpe::append_unknown(std::string_view character, std::optional<TokenId>& pending,
                         std::vector<Symbol>& symbols) const {
  if (byte_fallback_) {
    const std::size_t before = symbols.size();
    for (const char byte : character) {
      const TokenId* id = ids_.find(byte_token(static_cast<unsigned char>(byte)));
      if (id == nullptr) break;
      symbols.push_back({*id, Scratch::kInner});
    }
    if (symbols.size() == before + character.size()) return;
    symbols.resize(before);
  }
  if (!unk_token_) return;  // dropped
  if (pending && fuse_unk_) return;
  if (pending) symbols.push_back({*pending, Scratch::kInner});
  const TokenId* unknown = ids_.find(*unk_token_);
  if (unknown == nullptr) {
    throw DataError("the tokenizer's model.unk_token '" + *unk_token_ +
                    "' is not in its vocabulary, and the text has a character that needs it");
  }
  pending = *unknown;
}

// Splits a long word where no merge can reach across, then merges the parts.
void Bpe::merge_symbols(std::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const {
  const auto& symbols = scratch.symbols;
  const std::size_t count = symbols.size();
  if (count <= kShortWord || !cuts_allowed_) return merge_chunk(0, count, scratch, ids);
  for (std::size_t begin = 0; begin < count;) {
    bool plain = symbols[begin].begin != Scratch::kInner;
    std::size_t end = begin + 1;
    while (end < count && may_join(symbols[end - 1].id, symbols[end].id)) {
      plain = plain && symbols[end].begin != Scratch::kInner;
      ++end;
    }
    plain = plain && (end == count || symbols[end].begin != Scratch::kInner);
    const Whole* whole = nullptr;
    if (plain && end - begin > 1) {
      const std::size_t stop = end == count ? word.size() : symbols[end].begin;
      whole = whole_words_.find(word.substr(symbols[begin].begin, stop - symbols[begin].begin));
      if (ignore_merges_) whole = nullptr;  // applies to whole words only
    }
    if (whole != nullptr && whole->alone) {
      ids.push_back(whole->id);
    } else {
      merge_chunk(begin, end, scratch, ids);
    }
    begin = end;
  }
}

void Bpe::merge_chunk(std::size_t begin, std::size_t end, Scratch& scratch,
                      std::vector<TokenId>& ids) const {
  if (end - begin > kShortWord) return merge_long(begin, end, scratch, ids);
  merge_short(scratch.symbols.data() + begin, end - begin, ids);
}

// Searches for the best merge again after each merge.
void Bpe::merge_short(Symbol* symbols, std::size_t count, std::vector<TokenId>& ids) const {
  std::array<std::int32_t, kShortWord> rank;
  std::array<TokenId, kShortWord> product;
  const auto look_up = [&](std::size_t i) {
    const Merge* merge = i + 1 < count ? merge_of(symbols[i].id, symbols[i + 1].id) : nullptr;
    rank[i] = merge == nullptr ? kNoRank : merge->rank;
    product[i] = merge == nullptr ? -1 : merge->product;
  };
  for (std::size_t i = 0; i < count; ++i) look_up(i);
  while (count > 1) {
    const auto* best = std::min_element(rank.data(), rank.data() + count);
    if (*best == kNoRank) break;
    const auto i = static_cast<std::size_t>(best - rank.data());
    symbols[i].id = product[i];
    std::copy(symbols + i + 2, symbols + count, symbols + i + 1);
    std::copy(rank.data() + i + 2, rank.data() + count, rank.data() + i + 1);
    std::copy(product.data() + i + 2, product.data() + count, product.data() + i + 1);
    --count;
    look_up(i);
    if (i > 0) look_up(i - 1);
  }
  for (std::size_t i = 0; i < count; ++i) ids.push_back(symbols[i].id);
}

// A heap of (rank, position) over a linked list of symbols. Skips an entry whose pair has changed
// since.
void Bpe::merge_long(std::size_t begin, std::size_t end, Scratch& scratch,
                     std::vector<TokenId>& ids) const {
  const auto count = static_cast<std::int32_t>(end - begin);
  Symbol* symbols = scratch.symbols.data() + begin;
  auto& queue = scratch.queue;
  auto& rank = scratch.rank;
  auto& product = scratch.product;
  auto& next = scratch.next;
  auto& previous = scratch.previous;
  queue.clear();
  rank.assign(count, kNoRank);
  product.resize(count);
  next.resize(count);
  previous.resize(count);
  const auto look_up = [&](std::int32_t i) {
    const Merge* merge = next[i] < count ? merge_of(symbols[i].id, symbols[next[i]].id) : nullptr;
    rank[i] = merge == nullptr ? kNoRank : merge->rank;
    if (merge == nullptr) return;
    product[i] = merge->product;
    queue.push_back(static_cast<std::uint64_t>(merge->rank) << 32 | static_cast<std::uint32_t>(i));
  };
  for (std::int32_t i = 0; i < count; ++i) {
    next[i] = i + 1;
    previous[i] = i - 1;
    look_up(i);
  }
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  const auto push_up = [&](std::int32_t i) {
    const std::size_t before = queue.size();
    look_up(i);
    if (queue.size() > before) std::push_heap(queue.begin(), queue.end(), std::greater<>());
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    const auto i = static_cast<std::int32_t>(queue.back() & 0xFFFFFFFF);
    const auto entry_rank = static_cast<std::int32_t>(queue.back() >> 32);
    queue.pop_back();
    if (rank[i] != entry_rank) continue;
    const std::int32_t right = next[i];
    symbols[i].id = product[i];
    rank[right] = kNoRank;
    next[i] = next[right];
    if (next[i] < count) previous[next[i]] = i;
    push_up(i);
    if (previous[i] >= 0) push_up(previous[i]);
  }
  for (std::int32_t i = 0; i < count; i = next[i]) ids.push_back(symbols[i].id);
}

}  // namespace incipit::data
