// Finds numbers in texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace incipit::data {

// Returns the last number of a text, written so that equal numbers are equal strings ("-12.50" and
// "-12.5" are both "-125e-1"); nothing if there is none.
//
// A number is digits with a decimal point, commas between groups of three digits and an exponent
// where it has them: 7, .5, 1,234.50, 6e23. A minus sign directly before it counts unless a letter
// or digit precedes the sign, as in "10-12".
[[nodiscard]] std::optional<std::string> last_number(std::string_view text);

}  // namespace incipit::data
