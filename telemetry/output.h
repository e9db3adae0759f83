// Standard output of commands: aligned, terse, coloured only on a terminal.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace incipit::telemetry {

class Style {
 public:
  explicit Style(bool colour) : colour_(colour) {}
  // Returns the style for the current standard output.
  [[nodiscard]] static Style of_stdout();

  [[nodiscard]] std::string bold(std::string_view text) const { return wrap("1", text); }
  [[nodiscard]] std::string dim(std::string_view text) const { return wrap("2", text); }
  [[nodiscard]] std::string good(std::string_view text) const { return wrap("32", text); }
  [[nodiscard]] std::string warning(std::string_view text) const { return wrap("33", text); }
  [[nodiscard]] std::string bad(std::string_view text) const { return wrap("31", text); }
  // Sets one of two background colours, to separate neighbouring tokens.
  [[nodiscard]] std::string stripe(int index, std::string_view text) const {
    return wrap(index % 2 == 0 ? "48;5;24" : "48;5;53", text);
  }
  [[nodiscard]] bool colour() const { return colour_; }

 private:
  [[nodiscard]] std::string wrap(std::string_view code, std::string_view text) const;

  bool colour_;
};

// Lines of a name and a text, aligned.
using Facts = std::vector<std::pair<std::string, std::string>>;
void print_facts(std::ostream& out, const Style& style, const Facts& facts);

// Prints a text in lines of at most `columns`, broken between words and indented like facts.
void print_paragraph(std::ostream& out, std::string_view text, int columns = 90);

// Rows under a header. Columns whose cells are all numbers are right-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void print(std::ostream& out, const Style& style) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// 9600 -> "9,600"
[[nodiscard]] std::string grouped(std::int64_t number);
// 134515008 -> "134.5 M"
[[nodiscard]] std::string short_count(std::int64_t number);
[[nodiscard]] std::string fixed(double number, int decimals);
// Returns `text` on one line, with control characters escaped.
[[nodiscard]] std::string visible(std::string_view text);

}  // namespace incipit::telemetry
