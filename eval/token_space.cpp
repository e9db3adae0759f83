#include "eval/token_space.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/text.h"

namespace incipit::eval {
namespace {

constexpr int kMostDraws = 10'000;

bool is_plain(const std::string& text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD: part of a character
  return !text.empty() && printable(text) == text && text.find(kReplacement) == std::string::npos &&
         text.find_first_of("\n\t\r") == std::string::npos;
}

bool begins_with(std::span<const TokenId> tokens, std::span<const TokenId> beginning) {
  return tokens.size() >= beginning.size() &&
         std::equal(beginning.begin(), beginning.end(), tokens.begin());
}

}  // namespace

TokenSpace::TokenSpace(const data::Task& task, std::vector<data::Record> records)
    : task_(task), records_(std::move(records)), opening_(task.source_opening("")) {
  const data::Tokenizer& tokenizer = task.tokenizer();
  std::int64_t size = tokenizer.vocab_size();
  if (task.model().vocab_size > 0) size = std::min(size, task.model().vocab_size);
  for (TokenId id = 0; id < size; ++id) {
    if (!tokenizer.is_special(id) && is_plain(tokenizer.decode({&id, 1}))) tokens_.push_back(id);
  }
}

std::string TokenSpace::text(const Words& words) const { return task_.tokenizer().decode(words); }

data::TaskOptions TokenSpace::options(const Words& words) const {
  data::TaskOptions options = task_.options();
  options.source_prefix = text(words) + options.source_prefix;
  return options;
}

bool TokenSpace::survives(const Words& words) const {
  const std::string own = text(words);
  if (!is_plain(own) || task_.tokenizer().encode(own) != words) return false;
  Words beginning = opening_;
  beginning.insert(beginning.end(), words.begin(), words.end());
  const data::Task worded(options(words), task_.model());
  return std::all_of(records_.begin(), records_.end(), [&](const data::Record& record) {
    return begins_with(worded.question(record).source, beginning);
  });
}

Words TokenSpace::draw(std::int64_t length, Random& random) const {
  Words words(static_cast<std::size_t>(length));
  for (int draws = 0; draws < kMostDraws && !tokens_.empty(); ++draws) {
    for (TokenId& each : words) each = tokens_[random.below(tokens_.size())];
    if (survives(words)) return words;
  }
  throw ConfigError("search.length: of " + std::to_string(kMostDraws) + " random prompts of " +
                    std::to_string(length) +
                    " tokens, none keeps its tokens as text; take fewer, or give search.start");
}

std::vector<TokenId> TokenSpace::fitting(const Words& words, std::size_t position,
                                         const std::vector<TokenId>& ranked, std::size_t first,
                                         std::size_t count) const {
  std::vector<TokenId> found;
  std::size_t fit = 0;
  Words tried = words;
  for (const TokenId id : ranked) {
    if (fit == first + count) break;
    tried[position] = id;
    if (id == words[position] || !survives(tried)) continue;
    if (fit++ >= first) found.push_back(id);
  }
  return found;
}

std::vector<TokenId> ranked_tokens(std::vector<TokenId> tokens, const std::vector<float>& score) {
  std::sort(tokens.begin(), tokens.end(), [&](TokenId a, TokenId b) {
    const float x = score[static_cast<std::size_t>(a)];
    const float y = score[static_cast<std::size_t>(b)];
    return x != y ? x < y : a < b;
  });
  return tokens;
}

}  // namespace incipit::eval
