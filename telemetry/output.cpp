#include "telemetry/output.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <ostream>

#include "core/text.h"
#include "telemetry/terminal.h"

namespace incipit::telemetry {
namespace {

bool is_number(const std::string& cell) {
  if (cell.empty()) return true;
  return std::all_of(cell.begin(), cell.end(), [](unsigned char c) {
    return std::isdigit(c) || c == '.' || c == ',' || c == '-';
  });
}

std::string spaces(int count) {
  return std::string(static_cast<std::size_t>(std::max(0, count)), ' ');
}

std::string padded(const std::string& text, int width, bool right) {
  const std::string fill = spaces(width - telemetry::display_width(text));
  return right ? fill + text : text + fill;
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

Style Style::of_stdout() { return Style(wants_colour(STDOUT_FILENO)); }

std::string Style::wrap(std::string_view code, std::string_view text) const {
  std::string styled;
  if (!colour_) return styled.append(text);
  return styled.append("\x1b[").append(code).append("m").append(text).append("\x1b[0m");
}

void print_facts(std::ostream& out, const Style& style, const Facts& facts) {
  int width = 0;
  for (const auto& [name, text] : facts) width = std::max(width, telemetry::display_width(name));
  for (const auto& [name, text] : facts) {
    std::string indented;  // aligns further lines of a text with its first
    for (const char c : text) {
      indented += c;
      if (c == '\n') indented += spaces(width + 4);
    }
    out << "  " << style.dim(padded(name, width, false)) << "  " << indented << '\n';
  }
}

void print_paragraph(std::ostream& out, std::string_view text, int columns) {
  const std::string_view indent = "  ";
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) out << indent << line << '\n';
    line.clear();
  };
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const int width = columns - static_cast<int>(indent.size()) - telemetry::display_width(line);
    if (!line.empty() && telemetry::display_width(word) + 1 > width) end_line();
    if (!line.empty()) line += ' ';
    line += word;
  }
  end_line();
}

void Table::print(std::ostream& out, const Style& style) const {
  std::vector<int> widths;
  std::vector<bool> right;
  for (std::size_t column = 0; column < header_.size(); ++column) {
    widths.push_back(telemetry::display_width(header_[column]));
    right.push_back(true);
    for (const auto& row : rows_) {
      widths.back() = std::max(widths.back(), telemetry::display_width(row[column]));
      right.back() = right.back() && is_number(row[column]);
    }
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t column = 0; column < cells.size(); ++column) {
      text.append("  ").append(padded(cells[column], widths[column], right[column]));
    }
    return without_trailing_spaces(std::move(text));
  };
  out << style.dim(line(header_)) << '\n';
  for (const auto& row : rows_) out << line(row) << '\n';
}

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  const std::ptrdiff_t first = number < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > first; at -= 3) {
    text.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return text;
}

std::string short_count(std::int64_t number) {
  if (number < 100'000) return grouped(number);
  constexpr std::array kUnits{" K", " M", " B", " T"};
  double value = static_cast<double>(number) / 1e3;
  std::size_t unit = 0;
  while (value >= 1e3 && unit + 1 < kUnits.size()) {
    value /= 1e3;
    ++unit;
  }
  return fixed(value, 1) + kUnits[unit];
}

std::string fixed(double number, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, number);
  return text.data();
}

std::string visible(std::string_view text) {
  std::string shown;
  for (const char c : printable(text)) {
    if (c == '\n') {
      shown += "\\n";
    } else if (c == '\t') {
      shown += "\\t";
    } else {
      shown += c;
    }
  }
  return shown;
}

}  // namespace incipit::telemetry
