#include "core/text.h"

#include <gtest/gtest.h>

#include <vector>

namespace incipit {
namespace {

TEST(Text, SuggestsTheNearestWord) {
  const std::vector<std::string> keys{"steps", "batch_size", "seed"};
  EXPECT_EQ(did_you_mean("step", keys), "; did you mean 'steps'?");
  EXPECT_EQ(did_you_mean("bach_size", keys), "; did you mean 'batch_size'?");
  EXPECT_EQ(did_you_mean("verbalizer", keys), "");
}

TEST(Text, PrintsQuantitiesForPeople) {
  EXPECT_EQ(human_bytes(512), "512 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(3.0 * 1024 * 1024 * 1024), "3.0 GiB");
  EXPECT_EQ(human_seconds(0.25), "250ms");
  EXPECT_EQ(human_seconds(75.2), "1m15s");
  EXPECT_EQ(human_seconds(7260), "2h01m");
}

TEST(Text, ControlCharactersBecomeVisible) {
  EXPECT_EQ(printable("a\x1b[31m\rb\x7f"), "a\\x1b[31m\\x0db\\x7f");
  EXPECT_EQ(printable("a\xc2\x9b"
                      "31m"),
            "a\\x9b31m");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("caf\xe9 \xff\xfe \xe2\x82"), "caf\\xe9 \\xff\\xfe \\xe2\\x82");
  EXPECT_EQ(printable("é▁\t漢\n\xc2\xa0"), "é▁\t漢\n\xc2\xa0");
}

}  // namespace
}  // namespace incipit
