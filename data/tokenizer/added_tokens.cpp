#include "data/tokenizer/added_tokens.h"

#include <algorithm>

#include "core/log.h"
#include "data/tokenizer/limits.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

std::string normalized_text(const std::string& text, const Normalizers& normalizers) {
  NormalizedText normal;
  normal.text = text;
  apply_all(normalizers, normal);
  return normal.text;
}

bool word_before(std::string_view text, std::size_t position) {
  return position > 0 && is_word(previous_char(text, position));
}

bool word_behind(std::string_view text, std::size_t position) {
  return position < text.size() && is_word(next_char(text, position));
}

std::size_t space_start(std::string_view text, std::size_t end) {
  while (end > 0) {
    std::size_t i = end;
    if (!is_white_space(previous_char(text, i))) break;
    end = i;
  }
  return end;
}

std::size_t space_end(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    std::size_t i = begin;
    if (!is_white_space(next_char(text, i))) break;
    begin = i;
  }
  return begin;
}

}  // namespace

void TextTrie::insert(std::string_view text, std::size_t value) {
  std::uint64_t node = 0;
  for (const char c : text) {
    const std::uint64_t edge = node << 8 | static_cast<unsigned char>(c);
    const std::uint32_t* found = edges_.find(edge);
    if (found == nullptr) {
      edges_.insert(edge, static_cast<std::uint32_t>(node_count_));
      node = node_count_++;
    } else {
      node = *found;
    }
  }
  if (values_.find(node) == nullptr) values_.insert(node, value);
  starts_[static_cast<unsigned char>(text[0])] = true;
}

std::optional<TextTrie::Match> TextTrie::find(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (!starts_[static_cast<unsigned char>(text[begin])]) continue;
    std::optional<Match> longest;
    std::uint64_t node = 0;
    for (std::size_t i = begin; i < text.size(); ++i) {
      const std::uint32_t* next = edges_.find(node << 8 | static_cast<unsigned char>(text[i]));
      if (next == nullptr) break;
      node = *next;
      if (const std::size_t* value = values_.find(node)) longest = Match{begin, i + 1, *value};
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

AddedTokens::AddedTokens(const JsonNode& node, const Bpe& model, const Normalizers& normalizers) {
  std::size_t bytes = 0;
  for (const JsonNode& item : node.items()) {
    AddedToken token;
    token.content = item.at("content").string();
    bytes += token.content.size();
    if (token.content.size() > kMaxAddedTokenBytes || bytes > kMaxAddedTokensBytes) {
      item.fail("the token has " + std::to_string(token.content.size()) +
                " bytes; a token may have " + std::to_string(kMaxAddedTokenBytes) +
                ", all together " + std::to_string(kMaxAddedTokensBytes));
    }
    token.single_word = item.boolean("single_word", false);
    token.lstrip = item.boolean("lstrip", false);
    token.rstrip = item.boolean("rstrip", false);
    token.normalized = item.boolean("normalized", true);
    token.special = item.boolean("special", false);
    if (token.content.empty()) continue;
    const auto stated = item.find("id");
    const std::string content = token.content;
    add(std::move(token), model, normalizers);
    const TokenId id = tokens_[by_content_.at(content)].id;
    if (stated && id != stated->integer()) {
      log::warn("{}: the added token '{}' has id {}, not the stated {}", node.file(), content, id,
                stated->integer());
    }
  }
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (by_content_.at(tokens_[i].content) != i) continue;
    if (tokens_[i].normalized) {
      if (!decoded_[i].empty()) normalized_.insert(decoded_[i], i);
    } else {
      plain_.insert(tokens_[i].content, i);
    }
  }
}

void AddedTokens::add(AddedToken token, const Bpe& model, const Normalizers& normalizers) {
  const auto known = by_content_.find(token.content);
  if (known != by_content_.end()) {
    token.id = tokens_[known->second].id;
  } else if (const auto id = model.token_to_id(token.content)) {
    token.id = *id;
  } else {
    token.id = static_cast<TokenId>(model.size()) + new_tokens_++;
  }
  max_id_ = std::max(max_id_, token.id);
  by_content_[token.content] = tokens_.size();
  by_id_[token.id] = tokens_.size();
  decoded_.push_back(token.normalized ? normalized_text(token.content, normalizers)
                                      : token.content);
  tokens_.push_back(std::move(token));
}

void AddedTokens::cut(const Piece& piece, const TextTrie& trie, Pieces& pieces) const {
  const std::string_view text = piece.text;
  std::size_t covered = 0;
  std::size_t from = 0;
  while (const auto match = trie.empty() ? std::nullopt : trie.find(text, from)) {
    from = match->end;
    const AddedToken& token = tokens_[match->value];
    std::size_t begin = match->begin;
    std::size_t end = match->end;
    if (token.single_word && (word_before(text, begin) || word_behind(text, end))) continue;
    if (token.lstrip) begin = std::max(space_start(text, begin), covered);
    if (token.rstrip) end = space_end(text, end);
    pieces.add_part(piece, covered, begin);
    pieces.next.push_back({text.substr(begin, end - begin), 0, token.id});
    covered = end;
  }
  pieces.add_part(piece, covered, text.size());
}

void AddedTokens::extract(std::string_view text, const Normalizers& normalizers,
                          Pieces& pieces) const {
  pieces.list.clear();
  if (text.empty()) return;
  pieces.list.push_back({text, static_cast<std::uint32_t>(utf8_length(text[0])), kNoToken});
  if (!plain_.empty()) {
    pieces.transform([&](const Piece& piece) { cut(piece, plain_, pieces); });
  }
  if (normalizers.empty() && normalized_.empty()) return;
  NormalizedText normal;
  pieces.transform([&](const Piece& piece) {
    Piece copy = piece;
    if (!normalizers.empty()) {
      normal.text.assign(piece.text);
      normal.front = piece.front;
      apply_all(normalizers, normal);
      copy = {pieces.arena.copy(normal.text), static_cast<std::uint32_t>(normal.front), kNoToken};
    }
    cut(copy, normalized_, pieces);
  });
}

std::optional<TokenId> AddedTokens::token_to_id(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  if (found == by_content_.end()) return std::nullopt;
  return tokens_[found->second].id;
}

const AddedToken* AddedTokens::by_id(TokenId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const std::string& AddedTokens::decoded(const AddedToken& token) const {
  return decoded_[static_cast<std::size_t>(&token - tokens_.data())];
}

bool AddedTokens::is_special(std::string_view text) const {
  const auto found = by_content_.find(std::string(text));
  return found != by_content_.end() && tokens_[found->second].special;
}

}  // namespace incipit::data
