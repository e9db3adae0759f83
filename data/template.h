// Templates: text with fields of a record.
//
//   "rte hypothesis: {hypothesis} premise: {premise} answer:"
//
// {field} is replaced by the record's field (data/record.h describes nested names),
// {field|filter|...} by the filtered field (data/text_filters.h). {{ and }} are literal braces.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/record.h"
#include "data/text_filters.h"

namespace incipit::data {

class Template {
 public:
  // Throws ConfigError naming the position (in bytes, from 0) of an unmatched brace, an empty field
  // name, or an unknown filter.
  explicit Template(std::string_view text);

  // The fields, each once, in order of first use.
  [[nodiscard]] const std::vector<std::string>& fields() const { return fields_; }
  [[nodiscard]] bool has_field(std::string_view field) const;

  struct Part {
    bool is_field = false;
    std::string text;  // literal text, or the field's name
  };
  // Returns the text and the fields, in order.
  [[nodiscard]] std::vector<Part> parts() const;

  // Whether every use of the field has the same filters, so that value() applies to all of them.
  [[nodiscard]] bool has_one_form(std::string_view field) const;

  // Returns the field's value with its filters applied. Throws as render() does.
  [[nodiscard]] std::string value(const Record& record, std::string_view field) const;

  // Returns the text with all fields filled in. Throws DataError with file and line when a field is
  // missing or is not text, and as filters do.
  [[nodiscard]] std::string render(const Record& record) const;

  // Returns the text with `value` in place of every field, to which no filter is applied.
  [[nodiscard]] std::string filled(std::string_view value) const;
  // Returns the text between the fields: the template with every field empty.
  [[nodiscard]] std::string blank() const { return filled(""); }

  // What is before and after the last use of `field`, with `value` in place of its other uses, as
  // in render(). The template uses it.
  struct Around {
    std::string before;
    std::string after;
  };
  [[nodiscard]] Around around(const Record& record, std::string_view field,
                              std::string_view value) const;

  // Like render(), but replaces `field` with `value`, to which no filter is applied.
  [[nodiscard]] std::string render(const Record& record, std::string_view field,
                                   std::string_view value) const;

  // Whether a use of the field has a filter.
  [[nodiscard]] bool has_filter(std::string_view field) const;

 private:
  struct Piece {
    bool is_field;
    std::string text;  // literal text, or the field's name
    std::vector<TextFilter> filters;
    [[nodiscard]] std::string value(const Record& record) const;
    [[nodiscard]] bool is(std::string_view field) const { return is_field && text == field; }
  };
  std::vector<Piece> pieces_;
  std::vector<std::string> fields_;
};

// Returns the longest prefix of a text that fits in a number of tokens.
//
// `count(n)` is the number of tokens when the first n bytes are kept, where n is on a code point
// boundary. Returns n such that count(n) <= limit and one more code point would exceed it; the
// whole size if everything fits; nothing if even the empty text does not fit. The token count need
// not grow with every code point (a longer word may take fewer tokens), so several such n may
// exist. The search, a bisection that starts from the average bytes per token, always returns the
// same one.
[[nodiscard]] std::optional<std::size_t> longest_fitting_prefix(
    std::string_view text, std::int64_t limit,
    const std::function<std::int64_t(std::size_t)>& count);

}  // namespace incipit::data
