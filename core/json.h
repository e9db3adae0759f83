// The one reader of JSON, and its writer.
//
// nlohmann_json's parser and writer are templates that take seconds to compile in every file that
// uses them. These functions are compiled once, for nlohmann::json and nlohmann::ordered_json.
//
// The reader refuses what is not JSON, bytes that are not UTF-8, numbers beyond a double, a key
// that is repeated in one object (readers disagree on which value counts), and what would take far
// more memory than its text: nesting deeper than kMaxJsonDepth, more values than kMaxJsonValues. It
// takes time and memory in proportion to the text.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "core/error.h"

namespace incipit {

constexpr int kMaxJsonDepth = 64;
constexpr std::size_t kMaxJsonValues = std::size_t{1} << 22;  // a large tokenizer has half as many

// A text that the reader refuses.
class JsonError : public DataError {
 public:
  JsonError(std::size_t byte, bool cut_off, const std::string& reason);
  // The position of a syntax error, counted from 1; 0 for other errors.
  [[nodiscard]] std::size_t byte() const noexcept { return byte_; }
  // Whether the text ends within its JSON.
  [[nodiscard]] bool cut_off() const noexcept { return cut_off_; }

 private:
  std::size_t byte_;
  bool cut_off_;
};

// Returns the value of a text. Throws JsonError.
template <class Json>
[[nodiscard]] Json parse_json(std::string_view text);

// The same, where whole numbers beyond 64 bits become text as written: as doubles, different
// identities would be one.
[[nodiscard]] nlohmann::json parse_json_exactly(std::string_view text);

// Returns a value that is_discarded() if the reader refuses the text.
template <class Json>
[[nodiscard]] Json parse_json_or_discard(std::string_view text);

// Returns the value of `text`, the content of `file`. Throws DataError that names the file, the
// position and the reason.
template <class Json>
[[nodiscard]] Json parse_json_of(const std::filesystem::path& file, std::string_view text);

// The same without the top-level key `skip`, whose value is checked but not kept.
[[nodiscard]] nlohmann::json parse_json_without(const std::filesystem::path& file,
                                                std::string_view text, std::string_view skip);

enum class BadUtf8 { kThrow, kReplace };  // Json::type_error, or U+FFFD
enum class Letters { kAll, kAscii };      // kAscii: others as \uXXXX

// Same as json.dump(): one line, or several lines indented by `indent`.
template <class Json>
[[nodiscard]] std::string dump_json(const Json& json, int indent = -1,
                                    BadUtf8 bad = BadUtf8::kThrow, Letters letters = Letters::kAll);

}  // namespace incipit
