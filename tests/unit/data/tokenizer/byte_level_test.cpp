#include "data/tokenizer/byte_level.h"

#include <gtest/gtest.h>

#include <set>

#include "data/tokenizer/byte_token.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

TEST(ByteLevel, BringsEveryByteBack) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  const std::string text = to_byte_level(bytes);
  EXPECT_TRUE(is_valid_utf8(text));
  EXPECT_EQ(from_byte_level(text), bytes);
  std::set<char32_t> distinct;
  for (std::size_t i = 0; i < text.size();) distinct.insert(next_char(text, i));
  EXPECT_EQ(distinct.size(), 256U);
}

TEST(ByteLevel, WritesSpaceAndNewlineAsGpt2Does) { EXPECT_EQ(to_byte_level(" a\n~\xAD"), "ĠaĊ~Ń"); }

TEST(ByteLevel, RefusesWhatIsNotOfTheAlphabet) {
  EXPECT_EQ(from_byte_level("a b"), std::nullopt);
  EXPECT_EQ(from_byte_level("語"), std::nullopt);
  EXPECT_EQ(from_byte_level("\u00AD"), std::nullopt);
}

TEST(ByteToken, NamesAByte) {
  EXPECT_EQ(byte_token(0x0A), "<0x0A>");
  EXPECT_EQ(byte_of_token("<0xfF>"), 0xFF);
  for (const char* other : {"<0x0>", "<0x0G>", "0x0A", "<0x0A> ", "<1x0A>"}) {
    EXPECT_EQ(byte_of_token(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace incipit::data
