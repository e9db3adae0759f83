// Patterns of tokenizer.json: Oniguruma's syntax and meaning, run by PCRE2's JIT.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::data {

// A part of a text: a match, or what stands between matches.
struct Span {
  std::uint32_t begin;
  std::uint32_t end;
  bool match;
};

// Rewrites a pattern so that PCRE2 (UTF, UCP, MULTILINE, newline = LF) finds what
// Oniguruma finds: \s \w \h \b \v, [[:alpha:]], names of properties, `{n,m}+`, (?m:).
// Throws std::invalid_argument naming the construct when there is no exact translation
// (back-references, class intersections, ...).
[[nodiscard]] std::string translate_pattern(std::string_view pattern);

// A compiled pattern. Thread-safe.
class Regex {
 public:
  // Throws std::invalid_argument with the reason when the pattern cannot be used.
  explicit Regex(std::string_view pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Replaces `spans` by spans that cover `text` (valid UTF-8) without a gap, in order.
  // Nothing for an empty text. An empty match makes an empty span unless it directly
  // follows another match.
  void find_spans(std::string_view text, std::vector<Span>& spans) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace incipit::data
