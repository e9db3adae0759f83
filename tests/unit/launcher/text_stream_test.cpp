#include "launcher/text_stream.h"

#include <gtest/gtest.h>

#include "tests/support/tiny_model.h"

namespace incipit::launcher {
namespace {

using incipit::testing::byte_ids;
using incipit::testing::TinyModel;
using Stops = std::vector<std::string>;

// The parts that come out when a text goes in byte by byte, joined by '|'; those that are empty
// are left out. The last is what finish() gives.
std::string parts(const std::string& text, const Stops& stops) {
  const TinyModel model;
  TextStream stream(*model.tokenizer(), stops);
  std::string all;
  for (const TokenId id : byte_ids(text)) {
    const std::string part = stream.add(id);
    if (!part.empty()) all += part + '|';
  }
  return all + stream.finish();
}

TEST(TextStream, GivesWholeCharactersAtOnce) {
  EXPECT_EQ(parts("a\u00e9\u20acb", {}), "a|\u00e9|\u20ac|b|");
}

TEST(TextStream, EndsBeforeTheFirstStop) {
  EXPECT_EQ(parts("one\n\ntwo", {"\n\n"}), "o|n|e|");
  EXPECT_EQ(parts("one two three", {"three", "two"}), "o|n|e| |");
  EXPECT_EQ(parts("stop", {"stop"}), "");
}

TEST(TextStream, HoldsBackOnlyWhatAStopBeginsWith) {
  EXPECT_EQ(parts("a\nb", {"\n\n"}), "a|\nb|");
  EXPECT_EQ(parts("a\n", {"\n\n"}), "a|\n");
  EXPECT_EQ(parts("aab", {"aac"}), "aab|");
  EXPECT_EQ(parts("aaac", {"aac"}), "a|");
  EXPECT_EQ(parts("xENDING", {"ENDED", "ING"}), "x|END|");
}

TEST(TextStream, SaysWhetherItHasStopped) {
  const TinyModel model;
  TextStream stream(*model.tokenizer(), {"b"});
  EXPECT_EQ(stream.add('a'), "a");
  EXPECT_FALSE(stream.is_stopped());
  EXPECT_EQ(stream.add('b'), "");
  EXPECT_TRUE(stream.is_stopped());
  EXPECT_EQ(stream.add('c'), "");
  EXPECT_EQ(stream.finish(), "");
}

}  // namespace
}  // namespace incipit::launcher
