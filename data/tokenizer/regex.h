// Patterns of tokenizer.json: Oniguruma syntax and semantics, executed by PCRE2's JIT.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::data {

// A part of a text: a match, or the text between matches.
struct Span {
  std::uint32_t begin;
  std::uint32_t end;
  bool match;
};

// Rewrites a pattern so that PCRE2 (UTF, UCP, MULTILINE, newline = LF) matches what Oniguruma
// matches: \s \w \h \b \v, [[:alpha:]], property names, `{n,m}+`, (?m:). Throws
// std::invalid_argument naming the construct when there is no exact translation (back-references,
// class intersections, ...).
[[nodiscard]] std::string translate_pattern(std::string_view pattern);

// A compiled pattern. Thread-safe.
class Regex {
 public:
  // Throws std::invalid_argument with the reason when the pattern cannot be used.
  explicit Regex(std::string_view pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Replaces `spans` with spans that cover `text` (valid UTF-8) without gaps, in order. An empty
  // text gives no spans. An empty match gives an empty span unless it directly follows another
  // match.
  void find_spans(std::string_view text, std::vector<Span>& spans) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace incipit::data
