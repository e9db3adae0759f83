// Capabilities of the terminal. Colours are used only on a terminal, and never if NO_COLOR is set
// (no-color.org) or TERM is dumb.
//
// Under mpirun a rank cannot see where its output goes: standard error is a pipe and standard
// output is mpirun's own terminal. scripts/mpirun.sh can see it, and passes the widths to the ranks
// in INCIPIT_STDERR_COLUMNS and INCIPIT_STDOUT_COLUMNS.
#pragma once

#include <string>
#include <string_view>

namespace incipit::telemetry {

// `file_descriptor` is standard output (1) or standard error (2).
[[nodiscard]] bool is_terminal(int file_descriptor);
[[nodiscard]] bool wants_colour(int file_descriptor);

// Returns the columns of the terminal, or 80 if unknown.
[[nodiscard]] int terminal_width(int file_descriptor);

// Returns the columns that `text` (UTF-8, without control characters) takes: one per code point.
[[nodiscard]] int display_width(std::string_view text);

// Returns `text` cut to at most `columns` columns, never inside a code point.
[[nodiscard]] std::string cut_to_width(std::string_view text, int columns);

}  // namespace incipit::telemetry
