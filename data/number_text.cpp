#include "data/number_text.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "data/tokenizer/unicode.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

constexpr std::string_view kMinus = "\u2212";  // the typographic minus sign

bool is_figure(char c) { return c >= '0' && c <= '9'; }

// Reads the digits of a number from its start.
class NumberReader {
 public:
  NumberReader(std::string_view text, std::size_t at) : text_(text), at_(at) {}

  // Returns the canonical form without sign.
  std::string read() {
    read_whole();
    if (at(0) == '.' && is_figure(at(1))) {
      ++at_;
      while (is_figure(at(0))) {
        digits_ += text_[at_++];
        --exponent_;
      }
    }
    read_exponent();
    return canonical();
  }
  [[nodiscard]] std::size_t end() const { return at_; }

 private:
  [[nodiscard]] char at(std::size_t offset) const {
    return at_ + offset < text_.size() ? text_[at_ + offset] : '\0';
  }

  void read_whole() {
    const std::size_t begin = at_;
    while (is_figure(at(0))) digits_ += text_[at_++];
    if (at_ == begin || at_ - begin > 3) return;
    while (at(0) == ',' && is_figure(at(1)) && is_figure(at(2)) && is_figure(at(3)) &&
           !is_figure(at(4))) {
      digits_ += text_.substr(at_ + 1, 3);
      at_ += 4;
    }
  }

  void read_exponent() {
    if (at(0) != 'e' && at(0) != 'E') return;
    const std::size_t sign = at(1) == '-' || at(1) == '+' ? 1 : 0;
    if (!is_figure(at(1 + sign))) return;
    const bool negative = at(1) == '-';
    at_ += 1 + sign;
    std::int64_t value = 0;
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    while (is_figure(at(0))) value = std::min(kMost, value * 10 + (text_[at_++] - '0'));
    exponent_ += negative ? -value : value;
  }

  [[nodiscard]] std::string canonical() const {
    const std::size_t first = digits_.find_first_not_of('0');
    if (first == std::string::npos) return "0";
    const std::size_t last = digits_.find_last_not_of('0');
    const auto dropped = static_cast<std::int64_t>(digits_.size() - 1 - last);
    return digits_.substr(first, last + 1 - first) + "e" + std::to_string(exponent_ + dropped);
  }

  std::string_view text_;
  std::size_t at_;
  std::string digits_;
  std::int64_t exponent_ = 0;
};

// Whether a minus sign that belongs to the number ends at `at`.
bool has_minus(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  std::size_t sign = at;
  if (before.ends_with('-')) {
    sign -= 1;
  } else if (before.ends_with(kMinus)) {
    sign -= kMinus.size();
  } else {
    return false;
  }
  if (sign == 0) return true;
  return !is_word(previous_char(text, sign));
}

}  // namespace

std::optional<std::string> last_number(std::string_view text) {
  std::optional<std::string> last;
  for (std::size_t at = 0; at < text.size();) {
    const bool starts =
        is_figure(text[at]) || (text[at] == '.' && at + 1 < text.size() && is_figure(text[at + 1]));
    if (!starts) {
      ++at;
      continue;
    }
    NumberReader reader(text, at);
    const std::string number = reader.read();
    last = has_minus(text, at) && number != "0" ? "-" + number : number;
    at = reader.end();
  }
  return last;
}

}  // namespace incipit::data
