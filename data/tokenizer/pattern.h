// The "pattern" of Split and Replace: a literal string or a regular expression.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "data/tokenizer/json_node.h"
#include "data/tokenizer/regex.h"

namespace incipit::data {

class Pattern {
 public:
  // Reads {"String": "..."} or {"Regex": "..."}. Throws DataError when it is neither, is empty, or
  // cannot be used.
  explicit Pattern(const JsonNode& node);

  // See Regex::find_spans.
  void find_spans(std::string_view text, std::vector<Span>& spans) const;

  // Returns `text` with every match replaced by `content`.
  [[nodiscard]] std::string replace(std::string_view text, std::string_view content) const;

 private:
  std::variant<std::string, Regex> pattern_;
};

// Compiles `pattern`. Throws DataError naming the key and the reason.
[[nodiscard]] Regex compile_regex(const JsonNode& node, std::string_view pattern);

}  // namespace incipit::data
