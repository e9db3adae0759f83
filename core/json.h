// Parses and writes JSON text. nlohmann_json's parser and writer are templates that take seconds to
// compile in every file that uses them. These functions are compiled once, for nlohmann::json and
// nlohmann::ordered_json.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace incipit {

// Same as Json::parse(text). Throws Json::parse_error.
template <class Json>
[[nodiscard]] Json parse_json(std::string_view text);

// Returns a value that is_discarded() if the text is not JSON.
template <class Json>
[[nodiscard]] Json parse_json_or_discard(std::string_view text);

enum class BadUtf8 { kThrow, kReplace };  // Json::type_error, or U+FFFD
enum class Letters { kAll, kAscii };      // kAscii: others as \uXXXX

// Same as json.dump(): one line, or several lines indented by `indent`.
template <class Json>
[[nodiscard]] std::string dump_json(const Json& json, int indent = -1,
                                    BadUtf8 bad = BadUtf8::kThrow, Letters letters = Letters::kAll);

}  // namespace incipit
