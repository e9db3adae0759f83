#include "telemetry/printable_output.h"

#include <cctype>
#include <ostream>

#include "core/text.h"

namespace incipit::telemetry {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::size_t kLongestColour = 16;

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
  const bool two_bytes = !held_.empty();  // \xC2, whose second byte decides
  held_ += c;
  if (!two_bytes && (c == kEscape || c == '\xC2')) return;
  release();
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
