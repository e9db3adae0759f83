#include "telemetry/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>

#include "core/launch.h"

namespace incipit::telemetry {
namespace {

bool begins_code_point(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

// Returns the terminal's columns as reported by scripts/mpirun.sh; 0 if it did not report them.
int forwarded_columns(int file_descriptor) {
  constexpr std::array kNames = {"INCIPIT_STDIN_COLUMNS", "INCIPIT_STDOUT_COLUMNS",
                                 "INCIPIT_STDERR_COLUMNS"};
  const char* text = std::getenv(kNames.at(static_cast<std::size_t>(file_descriptor)));
  return text == nullptr ? 0 : std::atoi(text);
}

}  // namespace

bool is_terminal(int file_descriptor) {
  if (forwarded_columns(file_descriptor) > 0) return true;
  return ::isatty(file_descriptor) == 1 &&
         (file_descriptor != STDOUT_FILENO || !read_launch().parallel);
}

bool wants_colour(int file_descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return is_terminal(file_descriptor);
}

int terminal_width(int file_descriptor) {
  if (const int columns = forwarded_columns(file_descriptor); columns > 0) return columns;
  winsize size{};
  if (::ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

int display_width(std::string_view text) {
  int columns = 0;
  for (const char byte : text) columns += begins_code_point(byte) ? 1 : 0;
  return columns;
}

std::string cut_to_width(std::string_view text, int columns) {
  int used = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!begins_code_point(text[i])) continue;
    if (used == columns) return std::string(text.substr(0, i));
    ++used;
  }
  return std::string(text);
}

}  // namespace incipit::telemetry
