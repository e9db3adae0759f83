#include "data/text_filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/errors.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using ::testing::HasSubstr;

std::string filtered(const std::string& filter, const std::string& value) {
  const Record record("{}", "f.jsonl", 5);
  return TextFilter(filter).apply(value, record, "field");
}

TEST(TextFilter, LowerFirstChangesOneLetter) {
  EXPECT_EQ(filtered("lower_first", "The Cat"), "the Cat");
  EXPECT_EQ(filtered("lower_first", "\u00c4pfel"), "\u00e4pfel");
  EXPECT_EQ(filtered("lower_first", "\U0001F642 Cat"), "\U0001F642 Cat");
  EXPECT_EQ(filtered("lower_first", "4 Cats"), "4 Cats");
  EXPECT_EQ(filtered("lower_first", ""), "");
}

TEST(TextFilter, StripPeriodTakesOneFullStopAndWhiteSpace) {
  EXPECT_EQ(filtered("strip_period", "It fell."), "It fell");
  EXPECT_EQ(filtered("strip_period", "It fell . \n"), "It fell");
  EXPECT_EQ(filtered("strip_period", "It fell..."), "It fell..");
  EXPECT_EQ(filtered("strip_period", " It fell! "), " It fell!");
  EXPECT_EQ(filtered("strip_period", "."), "");
  EXPECT_EQ(filtered("strip_period", ""), "");
}

TEST(TextFilter, PlainBreaksTakesThreeTagsAlone) {
  EXPECT_EQ(filtered("plain_breaks", "<b>A: </b>one<br>two<br><br>"), "A: one two  ");
  EXPECT_EQ(filtered("plain_breaks", "a < b <i>c</i> <br/> <BR> <b <b"),
            "a < b <i>c</i> <br/> <BR> <b <b");
  EXPECT_EQ(filtered("plain_breaks", "<b<b>r>"), "<br>") << "once, from the left";
}

TEST(TextFilter, MapReplacesWholeValues) {
  const std::string map = "map(cause = because, effect=and so,x=)";
  EXPECT_EQ(filtered(map, "cause"), "because");
  EXPECT_EQ(filtered(map, "effect"), "and so");
  EXPECT_EQ(filtered(map, "x"), "");
  EXPECT_EQ(message_of<DataError>([&] { (void)filtered(map, "caus"); }),
            "f.jsonl:5: the field 'field' is 'caus'; the template's map has cause, effect, x; did "
            "you mean 'cause'?");
}

TEST(TextFilter, MistakesAreNamed) {
  const auto error = [](const std::string& text) {
    return message_of<ConfigError>([&] { const TextFilter filter(text); });
  };
  EXPECT_THAT(error("upper"), HasSubstr("'upper' is no filter; there are lower_first"));
  EXPECT_THAT(error(""), HasSubstr("'' is no filter"));
  EXPECT_EQ(error("map"), "map names no value; write map(cause=because, effect=therefore)");
  EXPECT_THAT(error("map(a)"), HasSubstr("map needs VALUE=TEXT"));
  EXPECT_EQ(error("map(a=b"), "the filter 'map(a=b' lacks its ')'");
  EXPECT_EQ(error("lower_first()"), "the filter lower_first takes no arguments");
}

}  // namespace
}  // namespace incipit::data
