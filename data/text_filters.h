// Filters of a template's field: "{choice|lower_first}", "{text|plain_breaks|strip_period}".
//
//   lower_first          the first letter in lower case, the rest as it is
//   strip_period         without white space and a full stop at its end
//   plain_breaks         "<br>" becomes a space, "<b>" and "</b>" nothing
//   map(a=b, c=d)        "b" for the value "a", "d" for "c"; another value is an error
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/record.h"

namespace incipit::data {

class TextFilter {
 public:
  // "lower_first" or "map(cause=because, effect=therefore)". Throws ConfigError that says what is
  // wrong: a name that is no filter, arguments where there should be none, a map without any.
  explicit TextFilter(std::string_view text);

  // Throws DataError with file and line on a value that a map does not name; `field`, whose value
  // this is, is for the message.
  [[nodiscard]] std::string apply(std::string value, const Record& record,
                                  std::string_view field) const;

  friend bool operator==(const TextFilter&, const TextFilter&) = default;

 private:
  enum class Kind { kLowerFirst, kStripPeriod, kPlainBreaks, kMap };
  Kind kind_;
  std::vector<std::pair<std::string, std::string>> map_;
};

}  // namespace incipit::data
