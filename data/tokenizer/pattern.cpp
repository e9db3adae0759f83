#include "data/tokenizer/pattern.h"

#include <stdexcept>

#include "data/tokenizer/limits.h"

namespace incipit::data {
namespace {

void find_literal(std::string_view literal, std::string_view text, std::vector<Span>& spans) {
  spans.clear();
  const auto add = [&](std::size_t begin, std::size_t end, bool match) {
    spans.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), match});
  };
  std::size_t covered = 0;
  for (;;) {
    const std::size_t found = text.find(literal, covered);
    const std::size_t begin = found == std::string_view::npos ? text.size() : found;
    if (begin != covered) add(covered, begin, false);
    if (found == std::string_view::npos) return;
    covered = found + literal.size();
    add(found, covered, true);
  }
}

std::variant<std::string, Regex> read(const JsonNode& node) {
  if (const auto literal = node.find("String")) {
    if (literal->string().empty()) literal->fail("an empty string matches nothing");
    return literal->string();
  }
  const auto regex = node.find("Regex");
  if (!regex) node.fail("expected {\"String\": ...} or {\"Regex\": ...}");
  return compile_regex(*regex, regex->string());
}

}  // namespace

Regex compile_regex(const JsonNode& node, std::string_view pattern) {
  try {
    return Regex(pattern);
  } catch (const std::invalid_argument& error) {
    node.fail("the pattern '" + std::string(pattern) + "' cannot be used: " + error.what());
  }
}

Pattern::Pattern(const JsonNode& node) : pattern_(read(node)) {}

void Pattern::find_spans(std::string_view text, std::vector<Span>& spans) const {
  if (const auto* literal = std::get_if<std::string>(&pattern_)) {
    find_literal(*literal, text, spans);
  } else {
    std::get<Regex>(pattern_).find_spans(text, spans);
  }
}

std::string Pattern::replace(std::string_view text, std::string_view content) const {
  std::vector<Span> spans;
  find_spans(text, spans);
  std::size_t size = 0;
  for (const Span& span : spans) size += span.match ? content.size() : span.end - span.begin;
  require_growth("decoder", size, kMaxDecodedBytes);
  std::string out;
  out.reserve(size);
  for (const Span& span : spans) {
    out += span.match ? content : text.substr(span.begin, span.end - span.begin);
  }
  return out;
}

}  // namespace incipit::data
