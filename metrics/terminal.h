// What the terminal can show. Colours only on a terminal, never with NO_COLOR set
// (no-color.org) or TERM=dumb.
//
// Behind mpirun a rank cannot see where its output ends: standard error is a pipe and standard
// output a terminal of mpirun's own, whatever stands behind them. scripts/mpirun.sh sees it, and
// tells the ranks in INCIPIT_STDERR_COLUMNS and INCIPIT_STDOUT_COLUMNS.
#pragma once

#include <string>
#include <string_view>

namespace incipit::metrics {

// Standard output (1) or standard error (2).
[[nodiscard]] bool is_terminal(int file_descriptor);
[[nodiscard]] bool wants_colour(int file_descriptor);

// Columns of the terminal; 80 when it does not say.
[[nodiscard]] int terminal_width(int file_descriptor);

// Columns that `text` (UTF-8, without control characters) takes, one per code point.
[[nodiscard]] int display_width(std::string_view text);

// `text` cut to at most `columns`, never inside a code point.
[[nodiscard]] std::string cut_to_width(std::string_view text, int columns);

}  // namespace incipit::metrics
