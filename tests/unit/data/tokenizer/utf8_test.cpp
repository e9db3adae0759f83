#include "data/tokenizer/utf8.h"

#include <gtest/gtest.h>

namespace incipit::data {
namespace {

using namespace std::string_literals;

TEST(Utf8, AcceptsTheFirstAndLastCharacterOfEveryLength) {
  for (const unsigned code :
       {0x0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF}) {
    std::string text = "before";
    append_utf8(text, code);
    EXPECT_TRUE(is_valid_utf8(text + "after")) << std::hex << code;
    std::size_t position = 6;
    EXPECT_EQ(next_char(text, position), code);
    EXPECT_EQ(position, text.size());
    EXPECT_EQ(previous_char(text, position), code);
    EXPECT_EQ(position, 6U);
    EXPECT_EQ(utf8_length(text[6]), text.size() - 6);
  }
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndTruncation) {
  for (const std::string& bytes :
       {"\xC0\x80"s, "\xC1\xBF"s, "\xE0\x9F\xBF"s, "\xED\xA0\x80"s, "\xF0\x8F\xBF\xBF"s,
        "\xF4\x90\x80\x80"s, "\xF5\x80\x80\x80"s, "\x80"s, "\xC3"s, "\xE2\x82"s, "\xF0\x9F\x98"s,
        "12345678\xFF"s, "a\xC3(b"s}) {
    EXPECT_FALSE(is_valid_utf8(bytes));
  }
}

TEST(Utf8, ReplacesEachMaximalIllFormedPartOnce) {
  // The example of Unicode's table 3-8.
  EXPECT_EQ(from_utf8_lossy("a\xF1\x80\x80\xE1\x80\xC2"
                            "b\x80"
                            "c\x80\xBF"
                            "d"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(from_utf8_lossy("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(from_utf8_lossy("x\xE2\x82"), "x\uFFFD");
}

TEST(Utf8, KeepsBackOnlyATruncatedCharacterAtTheEnd) {
  std::size_t incomplete = 9;
  EXPECT_EQ(from_utf8_lossy("x\xE2\x82", &incomplete), "x");
  EXPECT_EQ(incomplete, 2U);
  EXPECT_EQ(from_utf8_lossy("\xE2\x82y", &incomplete), "\uFFFDy");
  EXPECT_EQ(incomplete, 0U);
}

}  // namespace
}  // namespace incipit::data
