#include "telemetry/printable_output.h"

#include <cctype>
#include <ostream>

#include "core/text.h"

namespace incipit::telemetry {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::size_t kLongestColour = 16;

// Returns the number of bytes of a character of UTF-8 by its first; 1 if no character begins so.
std::size_t bytes_of_character(char first) {
  const auto lead = static_cast<unsigned char>(first);
  if (lead < 0xC2 || lead > 0xF4) return 1;
  return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

}  // namespace

PrintableOutput::PrintableOutput(std::ostream& stream) : stream_(stream), target_(stream.rdbuf()) {
  stream_.rdbuf(this);
}

PrintableOutput::~PrintableOutput() {
  release();
  target_->pubsync();
  stream_.rdbuf(target_);
}

void PrintableOutput::release() {
  const std::string text = printable(held_);
  held_.clear();
  const auto size = static_cast<std::streamsize>(text.size());
  good_ = target_->sputn(text.data(), size) == size && good_;
}

void PrintableOutput::put(char c) {
  const bool colour = !held_.empty() && held_[0] == kEscape;
  if (colour) {
    const bool continues = held_.size() == 1 ? c == '[' : std::isdigit(c) != 0 || c == ';';
    if (continues && held_.size() < kLongestColour) {
      held_ += c;
      return;
    }
    if (c == 'm' && held_.size() > 1) {
      held_ += c;
      const auto size = static_cast<std::streamsize>(held_.size());
      good_ = target_->sputn(held_.data(), size) == size && good_;
      held_.clear();
      return;
    }
    release();
  }
  const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
  if (!continues) release();  // a character that is cut off
  held_ += c;
  if (c != kEscape && held_.size() >= bytes_of_character(held_[0])) release();
}

PrintableOutput::int_type PrintableOutput::overflow(int_type c) {
  if (!traits_type::eq_int_type(c, traits_type::eof())) put(traits_type::to_char_type(c));
  return good_ ? traits_type::not_eof(c) : traits_type::eof();
}

std::streamsize PrintableOutput::xsputn(const char* text, std::streamsize count) {
  for (std::streamsize i = 0; i < count; ++i) put(text[i]);
  return good_ ? count : 0;
}

int PrintableOutput::sync() { return target_->pubsync() == 0 && good_ ? 0 : -1; }

}  // namespace incipit::telemetry
