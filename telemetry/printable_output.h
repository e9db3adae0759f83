// Standard output without control characters from names and texts.
#pragma once

#include <iosfwd>
#include <streambuf>
#include <string>

namespace incipit::telemetry {

// While it exists, `stream` writes control characters as printable() (core/text.h) does, except
// colours (ESC [ digits m), which Style writes.
class PrintableOutput : private std::streambuf {
 public:
  explicit PrintableOutput(std::ostream& stream);
  ~PrintableOutput() override;
  PrintableOutput(const PrintableOutput&) = delete;
  PrintableOutput& operator=(const PrintableOutput&) = delete;

 private:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize count) override;
  int sync() override;

  // Takes one character; what is complete goes to `target_`.
  void put(char c);
  void release();  // writes `held_` as printable text

  std::ostream& stream_;
  std::streambuf* target_;
  std::string held_;  // the begin of a character or of a colour
  bool good_ = true;
};

}  // namespace incipit::telemetry
