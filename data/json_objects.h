// Cuts JSON text that is not JSON Lines into its objects: an array of objects, or objects that span
// several lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data/lines.h"

namespace incipit::data {

// Returns whether text with this first line is not JSON Lines: it begins an array, or contains only
// the opening brace of an object.
[[nodiscard]] bool is_json_document(std::string_view first_line);

class JsonObjects {
 public:
  struct Object {
    std::string text;
    std::int64_t line = 0;  // on which it begins
  };

  // Returns the next object at the top level or in the array there, or nothing at the end. Throws
  // FileError "FILE:LINE: ..." when the text ends within an object or the array, and on anything
  // else between objects.
  [[nodiscard]] std::optional<Object> next(LineReader& lines);

 private:
  // Reads the rest of `line_`. Returns the object that ends in it.
  [[nodiscard]] std::optional<Object> scan(const LineReader& lines);
  // Handles a character between objects.
  void between(char c, const LineReader& lines);
  [[nodiscard]] bool inside() const { return depth_ > 0; }

  std::string line_;
  std::size_t at_ = 0;  // in line_
  Object object_;
  int depth_ = 0;  // of braces and brackets in the object
  bool in_string_ = false;
  bool escaped_ = false;
  bool in_array_ = false;
  bool ended_ = false;  // the array
};

}  // namespace incipit::data
