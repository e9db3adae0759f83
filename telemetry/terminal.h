// Capabilities of the terminal. Colours are used only on a terminal, and never if NO_COLOR is set
// (no-color.org) or TERM is dumb.
//
// Under mpirun a rank cannot see where its input comes from and its output goes to: standard output
// is a terminal of mpirun's own, the others are pipes. scripts/mpirun.sh can see it, and passes the
// widths of terminals to the ranks in INCIPIT_STDIN_COLUMNS, INCIPIT_STDOUT_COLUMNS and
// INCIPIT_STDERR_COLUMNS. Without them, a rank has no terminal.
#pragma once

#include <string>
#include <string_view>

namespace incipit::telemetry {

// `file_descriptor` is standard input (0), output (1) or error (2).
[[nodiscard]] bool is_terminal(int file_descriptor);
[[nodiscard]] bool wants_colour(int file_descriptor);

// Returns the columns of the terminal, or 80 if unknown.
[[nodiscard]] int terminal_width(int file_descriptor);

// Returns the columns that `text` (UTF-8, without control characters) takes: one per code point.
[[nodiscard]] int display_width(std::string_view text);

// Returns `text` cut to at most `columns` columns, never inside a code point.
[[nodiscard]] std::string cut_to_width(std::string_view text, int columns);

}  // namespace incipit::telemetry
