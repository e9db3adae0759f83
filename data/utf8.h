// UTF-8 (RFC 3629), as far as reading and cutting texts needs it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace incipit::data {

// Where the first byte stands that is not part of valid UTF-8 (overlong forms, surrogates
// and values above U+10FFFF are not valid); nothing when all of `text` is valid.
[[nodiscard]] std::optional<std::size_t> invalid_utf8_at(std::string_view text);

// The largest code point boundary of valid UTF-8 that is not behind byte `at`.
[[nodiscard]] std::size_t code_point_boundary(std::string_view text, std::size_t at);

// `text` without white space (as C's isspace in the "C" locale) at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace incipit::data
