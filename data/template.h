// Templates: text with fields of a record.
//
//   "rte hypothesis: {hypothesis} premise: {premise} answer:"
//
// {field} is replaced by the record's field (data/record.h says how nested fields are named),
// {field|filter|...} by what the filters make of it (data/text_filters.h); {{ and }} stand for
// single braces.
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
  // Throws ConfigError that names the position (in bytes, from 0) of a brace that is
  // never closed or opened, of an empty field name, or of a filter that is none.
  explicit Template(std::string_view text);

  // The fields in order of their first use, each once.
  [[nodiscard]] const std::vector<std::string>& fields() const { return fields_; }
  [[nodiscard]] bool has_field(std::string_view field) const;

  // Whether every use of the field has the same filters, so that value() speaks of all of them.
  [[nodiscard]] bool has_one_form(std::string_view field) const;

  // What stands for a field of the template, its filters applied. Throws as render() does.
  [[nodiscard]] std::string value(const Record& record, std::string_view field) const;

  // Throws DataError with file and line when a field is missing or is no text, and as filters do.
  [[nodiscard]] std::string render(const Record& record) const;

  // The text between the fields: what is left when all of them are empty.
  [[nodiscard]] std::string blank() const;

  // render() with `value`, to which no filter is applied, wherever `field` stands.
  [[nodiscard]] std::string render(const Record& record, std::string_view field,
                                   std::string_view value) const;

 private:
  struct Piece {
    bool is_field;
    std::string text;  // literal text, or the field's name
    std::vector<TextFilter> filters;
    [[nodiscard]] std::string value(const Record& record) const;
  };
  std::vector<Piece> pieces_;
  std::vector<std::string> fields_;
};

// Cuts a text from its end so that what is made of it keeps within a number of tokens.
//
// `count(n)` is the number of tokens when the first n bytes are kept, n on a code point
// boundary. Returns n such that count(n) <= limit while one more code point would be too
// many, or the whole text's size when that fits, or nothing when not even the empty text
// fits. A token count need not grow with every code point (a longer word may be fewer
// tokens), so there can be several such n; the search, a bisection started from the
// average bytes per token, always finds the same one.
[[nodiscard]] std::optional<std::size_t> longest_fitting_prefix(
    std::string_view text, std::int64_t limit,
    const std::function<std::int64_t(std::size_t)>& count);

}  // namespace incipit::data
