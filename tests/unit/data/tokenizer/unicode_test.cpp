#include "data/tokenizer/unicode.h"

#include <gtest/gtest.h>

#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

std::string lowercase(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) append_lowercase(out, next_char(text, i));
  return out;
}

std::string normal(NormalForm form, std::string_view text) {
  std::string out(text);
  normalize(form, text, out);
  return out;
}

TEST(Unicode, TellsWhiteSpaceFromWhatOnlyLooksLikeIt) {
  for (const unsigned code : {0x09, 0x20, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x3000}) {
    EXPECT_TRUE(is_white_space(code)) << std::hex << code;
  }
  for (const unsigned code : {0x1C, 0x180E, 0x200B, 0x2060, 0xFEFF}) {
    EXPECT_FALSE(is_white_space(code)) << std::hex << code;
  }
}

TEST(Unicode, KnowsNumbersOfEveryKindAndVersion) {
  for (const unsigned code : {0x37, 0xBD, 0x0663, 0x2167, 0x3007, 0x1D7D8, 0x10D40, 0x11DE0}) {
    EXPECT_TRUE(is_numeric(code)) << std::hex << code;
  }
  EXPECT_FALSE(is_numeric(0x4E09));  // the ideograph three is a letter
}

TEST(Unicode, CountsMarksAndJoinersAsWordCharacters) {
  for (const unsigned code : {0x41, 0x5F, 0xE9, 0x301, 0x200D, 0x24B6, 0x10D50}) {
    EXPECT_TRUE(is_word(code)) << std::hex << code;
  }
  for (const unsigned code : {0x2D, 0x20, 0xB2, 0x1F600}) {
    EXPECT_FALSE(is_word(code)) << std::hex << code;
  }
}

TEST(Unicode, CountsAsciiSymbolsAsPunctuation) {
  for (const unsigned code : {0x24, 0x2B, 0x7E, 0x2014, 0x3001}) {
    EXPECT_TRUE(is_punctuation(code)) << std::hex << code;
  }
  for (const unsigned code : {0x41, 0x20AC, 0x2E52}) {
    EXPECT_FALSE(is_punctuation(code)) << std::hex << code;
  }
}

TEST(Unicode, LowersCharacterByCharacter) {
  EXPECT_EQ(lowercase("ÀÉ ΣΑΣ İ ǅ"), "àé σασ i\u0307 ǆ");  // no final sigma
  EXPECT_EQ(lowercase("\uA7DC\U00010D50\U00016EA0"), "\u019B\U00010D70\U00016EBB");
}

TEST(Unicode, WritesTheFourNormalForms) {
  EXPECT_EQ(normal(NormalForm::kNfc, "e\u0301 \u212B"), "\u00E9 \u00C5");
  EXPECT_EQ(normal(NormalForm::kNfd, "\u00E9\uAC01"), "e\u0301\u1100\u1161\u11A8");
  EXPECT_EQ(normal(NormalForm::kNfkc, "\uFB01 \u2460"), "fi 1");
  EXPECT_EQ(normal(NormalForm::kNfkd, "\u1E9B\u0323"), "s\u0323\u0307");
}

TEST(Unicode, SaysWhenATextIsNormalAlready) {
  std::string out = "untouched";
  EXPECT_FALSE(normalize(NormalForm::kNfc, "plain", out));
  EXPECT_FALSE(normalize(NormalForm::kNfc, "\u00E9", out));
  EXPECT_EQ(out, "untouched");
}

TEST(Unicode, LeavesMarksNewerThanTheLibraryWhereTheyStand) {
  // U+0EBA (Unicode 12, class 9) would move before U+0301 (class 230).
  EXPECT_EQ(normal(NormalForm::kNfc, "x\u0301\u0EBA"), "x\u0301\u0EBA");
  EXPECT_EQ(normal(NormalForm::kNfc, "x\u0301\u094D"), "x\u094D\u0301");
}

TEST(Unicode, ReplacesNewerCharactersByOnesOfTheSameLength) {
  const std::string text = "a\U00031350\u1C89\U00010D40z";
  EXPECT_TRUE(has_newer_characters(text));
  const std::string older = with_older_relatives(text);
  EXPECT_EQ(older.size(), text.size());
  EXPECT_FALSE(has_newer_characters(older));
  EXPECT_FALSE(has_newer_characters("aé語\U0001F600"));
  EXPECT_EQ(with_older_relatives("aé語"), "aé語");
}

}  // namespace
}  // namespace incipit::data
