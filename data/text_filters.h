// Filters of a template's field: "{choice|lower_first}", "{text|plain_breaks|strip_period}".
//
//   lower_first          makes the first letter lower case
//   strip_period         removes white space and a full stop at the end
//   plain_breaks         replaces "<br>" with a space and removes "<b>" and "</b>"
//   map(a=b, c=d)        replaces "a" with "b" and "c" with "d"; another value is an error
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/record.h"

namespace incipit::data {

class TextFilter {
 public:
  // Parses "lower_first" or "map(cause=because, effect=therefore)". Throws ConfigError with the
  // problem: an unknown name, arguments to a filter that takes none, or a map without entries.
  explicit TextFilter(std::string_view text);

  // Returns the filtered value. Throws DataError with file and line when a map has no entry for the
  // value. `field`, whose value this is, is used in the message.
  [[nodiscard]] std::string apply(std::string value, const Record& record,
                                  std::string_view field) const;

  friend bool operator==(const TextFilter&, const TextFilter&) = default;

 private:
  enum class Kind { kLowerFirst, kStripPeriod, kPlainBreaks, kMap };
  Kind kind_;
  std::vector<std::pair<std::string, std::string>> map_;
};

}  // namespace incipit::data
