#include "core/config_value.h"

#include <gtest/gtest.h>

namespace incipit {
namespace {

TEST(LooksLikeNumber, KnowsPlainDecimalsOnly) {
  for (const char* yes : {"0", "-1", "12", "1.5", "-0.25", "1e-3", "2E+5", "0.0"}) {
    EXPECT_TRUE(looks_like_number(yes)) << yes;
  }
  for (const char* no : {"", "-", "010", "00.5", "0x10", "1_000", ".5", "5.", "+3", ".inf", ".nan",
                         "1e", "1e+", "1 2", "0o7", "1:30"}) {
    EXPECT_FALSE(looks_like_number(no)) << no;
  }
}

TEST(ConfigValue, SaysWhatItIs) {
  EXPECT_EQ(ConfigValue().describe(), "nothing");
  EXPECT_EQ(ConfigValue::plain("3").describe(), "the number 3");
  EXPECT_EQ(ConfigValue::text("3").describe(), "the text '3'");
  EXPECT_EQ(ConfigValue::plain("true").describe(), "true");
  EXPECT_EQ(ConfigValue::list({"a"}).describe(), "a list");
  const ConfigValue block{.kind = ConfigValue::Kind::kMap, .pairs = {}};
  EXPECT_EQ(block.describe(), "a block of keys");
}

TEST(ConfigValue, QuotesMakeANumberText) {
  EXPECT_TRUE(ConfigValue::plain("3").is_number());
  EXPECT_FALSE(ConfigValue::text("3").is_number());
  EXPECT_TRUE(ConfigValue::text("auto").is_word("auto"));
  EXPECT_FALSE(ConfigValue::list({"auto"}).is_word("auto"));
}

}  // namespace
}  // namespace incipit
