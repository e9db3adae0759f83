#include "data/lines.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>

#include "core/check.h"
#include "core/error.h"
#include "data/file_kind.h"
#include "data/record.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlank = " \t\r";
constexpr std::size_t kReleaseBytes = std::size_t{16} << 20;

}  // namespace

LineReader::LineReader(const std::filesystem::path& path) : file_(path), name_(path.string()) {
  if (is_gzip(file_->text())) unpacked_ = gunzip(file_->text(), name_);
  refuse_foreign_file(text(), name_);
}

bool read_line(std::istream& stream, std::string& line, const std::string& name,
               std::int64_t number) {
  line.clear();
  std::array<char, 1 << 16> part;
  while (true) {
    stream.getline(part.data(), part.size());
    const auto count = static_cast<std::size_t>(stream.gcount());
    if (stream.bad() || (&stream == &std::cin && std::ferror(stdin) != 0)) {
      throw FileError(name + ": cannot be read");
    }
    if (stream.eof()) {
      line.append(part.data(), count);
      return !line.empty();
    }
    const bool full = stream.fail() && count == part.size() - 1;
    if (stream.fail() && !full) return false;
    line.append(part.data(), full ? count : count - 1);  // without the newline
    if (line.size() > kMaxRecordBytes) fail_too_long(name, number);
    if (!full) return true;
    stream.clear();
  }
}

bool LineReader::read() {
  if (stream_ != nullptr) {
    if (!read_line(*stream_, buffer_, name_, number_ + 1)) return false;
    if (number_ == 0 && buffer_.starts_with(kByteOrderMark))
      buffer_.erase(0, kByteOrderMark.size());
    line_ = buffer_;
    return true;
  }
  const std::string_view text = this->text();
  if (offset_ == 0 && text.starts_with(kByteOrderMark)) offset_ = kByteOrderMark.size();
  if (offset_ >= text.size()) return false;
  if (!unpacked_ && offset_ - released_ >= kReleaseBytes) {
    file_->release(released_, offset_);
    released_ = offset_;
  }
  const std::string_view ahead = text.substr(offset_, kMaxRecordBytes + 1);
  const std::size_t length = std::min(ahead.find('\n'), ahead.size());
  if (length > kMaxRecordBytes) fail_too_long(name_, number_ + 1);
  const std::size_t end = offset_ + length;
  line_ = text.substr(offset_, end - offset_);
  offset_ = end + 1;
  return true;
}

std::optional<std::string_view> LineReader::next() {
  if (again_) {
    again_ = false;
    return stream_ != nullptr ? buffer_ : line_;  // the buffer may have moved with the reader
  }
  if (!read()) return std::nullopt;
  ++number_;
  return line_;
}

std::optional<std::string_view> LineReader::next_filled() {
  while (const auto line = next()) {
    if (line->find_first_not_of(kBlank) != std::string_view::npos) return line;
  }
  return std::nullopt;
}

void LineReader::rewind() {
  INCIPIT_CHECK(stream_ == nullptr);
  offset_ = 0;
  released_ = 0;
  number_ = 0;
  again_ = false;
}

void fail_too_long(const std::string& file, std::int64_t number) {
  throw FileError(file + ":" + std::to_string(number) + ": the record has more than " +
                  std::to_string(kMaxRecordBytes >> 20) + " MiB; divide it into several");
}

void check_utf8(std::string_view line, const std::string& file, std::int64_t number) {
  if (is_valid_utf8(line)) return;
  std::size_t at = 0;
  while (at < line.size()) {
    const std::size_t length = utf8_length(line[at]);
    if (at + length > line.size() || !is_valid_utf8(line.substr(at, length))) break;
    at += length;
  }
  throw DataError(file + ":" + std::to_string(number) + ": byte " + std::to_string(at + 1) +
                  " of the line is not UTF-8; convert the file to UTF-8");
}

}  // namespace incipit::data
