#include "telemetry/printable_output.h"

#include <gtest/gtest.h>

#include <sstream>

namespace incipit::telemetry {
namespace {

std::string written(const std::string& text) {
  std::ostringstream out;
  {
    const PrintableOutput printable(out);
    out << text << std::flush;
    EXPECT_TRUE(out.good());
  }
  return out.str();
}

TEST(PrintableOutput, KeepsTextAndColours) {
  for (const char* text :
       {"a é▁漢𝄞\n\tb", "\x1b[1mbold\x1b[0m", "\x1b[48;5;24mx\x1b[0m", "\xc2\xa0"}) {
    EXPECT_EQ(written(text), text);
  }
}

TEST(PrintableOutput, EscapesWhatMovesTheCursorOrHidesText) {
  EXPECT_EQ(written("\x1b[2Jx"), "\\x1b[2Jx");
  EXPECT_EQ(written("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(written("\x1b[\x1b[1m"), "\\x1b[\x1b[1m");
  EXPECT_EQ(written("a\rb\b"), "a\\x0db\\x08");
  EXPECT_EQ(written("\xc2\x9b"
                    "31m"),
            "\\x9b31m");
  EXPECT_EQ(written("\x1b[1;1;1;1;1;1;1;1;1;1m"), "\\x1b[1;1;1;1;1;1;1;1;1;1m");
  EXPECT_EQ(written("end\x1b["), "end\\x1b[");
  EXPECT_EQ(written("\xe6\xbc\n\xe6\x1b[1m\xff."), "\\xe6\\xbc\n\\xe6\x1b[1m\\xff.");
}

TEST(PrintableOutput, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(written("a\xe9"
                    "b"),
            "a\\xe9b");
  EXPECT_EQ(written("\xe2\x88\x92\xe2\x88"), "\xe2\x88\x92\\xe2\\x88");
  EXPECT_EQ(written("\xe2\x88\x1b[1m\xf0\x9f\x98\x80\x92"),
            "\\xe2\\x88\x1b[1m\xf0\x9f\x98\x80\\x92");
}

TEST(PrintableOutput, GivesTheStreamBack) {
  std::ostringstream out;
  { const PrintableOutput printable(out); }
  out << "\x1b[2J";
  EXPECT_EQ(out.str(), "\x1b[2J");
}

}  // namespace
}  // namespace incipit::telemetry
