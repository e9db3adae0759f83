// Helpers for messages to users.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace incipit {

// Returns the candidate nearest to `word` by edit distance, if it is near enough to be a typo.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 std::span<const std::string> candidates);

// Returns "; did you mean 'steps'?", or "" if no candidate is near.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string> candidates);

// Returns `text` with control characters other than newline and tab, and bytes that are not UTF-8,
// written as \x1b: names in files must not move the cursor of a terminal or hide lines of a log.
[[nodiscard]] std::string printable(std::string_view text);

// "a, b, c"
[[nodiscard]] std::string join(std::span<const std::string> words,
                               std::string_view separator = ", ");

// 1536 -> "1.5 KiB"
[[nodiscard]] std::string human_bytes(double bytes);

// 75.2 -> "1m15s", 0.25 -> "250ms"
[[nodiscard]] std::string human_seconds(double seconds);

}  // namespace incipit
