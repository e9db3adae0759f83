#include "data/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using ::testing::ElementsAre;

Record record() { return {R"({"who": "Ada", "what": {"verb": "waved"}, "n": 3})", "f.jsonl", 1}; }

std::string template_error(const std::string& text) {
  return message_of<ConfigError>([&] { const Template parsed(text); });
}

TEST(Template, FieldsAreReplaced) {
  const Template t("{who} {what.verb}, {who} {n} times.");
  EXPECT_EQ(t.render(record()), "Ada waved, Ada 3 times.");
  EXPECT_THAT(t.fields(), ElementsAre("who", "what.verb", "n"));
}

TEST(Template, DoubledBracesAreBraces) {
  EXPECT_EQ(Template("{{{who}}} {{}}").render(record()), "{Ada} {}");
  EXPECT_THAT(Template("{{who}}").fields(), ElementsAre());
}

TEST(Template, WithoutFieldsIsPlainText) {
  EXPECT_EQ(Template("Hi\n").render(record()), "Hi\n");
  EXPECT_EQ(Template("").render(record()), "");
}

TEST(Template, AFieldsValueCanBeReplaced) {
  EXPECT_EQ(Template("{who} {who} {n}").render(record(), "who", "B"), "B B 3");
}

TEST(Template, AValueIsNotATemplate) {
  const Record braces(R"({"x": "{y}"})", "f.jsonl", 1);
  EXPECT_EQ(Template("{x}").render(braces), "{y}");
}

TEST(Template, BrokenBracesNameTheirPosition) {
  EXPECT_EQ(template_error("ab {who"), "'{' at position 3 is never closed; write '{{' for a brace");
  EXPECT_EQ(template_error("{who {n}}"),
            "'{' at position 0 is never closed; write '{{' for a brace");
  EXPECT_EQ(template_error("a } b"), "'}' at position 2 closes nothing; write '}}' for a brace");
  EXPECT_EQ(template_error("a {} b"), "'{}' at position 2 names no field");
}

TEST(Template, FiltersApplyToTheirUseOfAField) {
  const Template t("{who|lower_first} {who} {what.verb|map(waved=hello, left=bye)|lower_first}");
  EXPECT_EQ(t.render(record()), "ada Ada hello");
  EXPECT_THAT(t.fields(), ElementsAre("who", "what.verb"));
  EXPECT_EQ(t.value(record(), "what.verb"), "hello");
  EXPECT_FALSE(t.has_one_form("who"));
  EXPECT_TRUE(t.has_one_form("what.verb"));
  EXPECT_EQ(t.blank(), "  ");
}

TEST(Template, AReplacedValueIsNotFilteredAgain) {
  EXPECT_EQ(Template("{who|lower_first}!").render(record(), "who", "Bo"), "Bo!");
}

TEST(Template, UnknownFiltersAreNamedWithTheNearest) {
  EXPECT_EQ(template_error("a {who|lower_frist}"),
            "'{' at position 2: 'lower_frist' is no filter; there are lower_first, strip_period, "
            "plain_breaks, map; did you mean 'lower_first'?");
}

TEST(Template, MissingFieldNamesFileAndLine) {
  EXPECT_EQ(message_of<DataError>([&] { (void)Template("{whom}").render(record()); }),
            "f.jsonl:1: the record has no field 'whom', only n, what, who; did you mean 'who'?");
}

// One token per two bytes, rounded up, and `fixed` tokens around.
auto pairs(std::int64_t fixed) {
  return [fixed](std::size_t size) { return fixed + static_cast<std::int64_t>((size + 1) / 2); };
}

TEST(LongestFittingPrefix, KeepsWhatFits) {
  EXPECT_EQ(longest_fitting_prefix("abcdefghij", 5, pairs(0)), 10u);
  EXPECT_EQ(longest_fitting_prefix("abcdefghij", 4, pairs(0)), 8u);
  EXPECT_EQ(longest_fitting_prefix("abcdefghij", 4, pairs(3)), 2u);
  EXPECT_EQ(longest_fitting_prefix("abcdefghij", 3, pairs(3)), 0u);
}

TEST(LongestFittingPrefix, IsNoneWhenEvenTheEmptyTextIsTooLong) {
  EXPECT_EQ(longest_fitting_prefix("abcdefghij", 2, pairs(3)), std::nullopt);
}

TEST(LongestFittingPrefix, CutsBetweenCodePoints) {
  const std::string text = "a\u00e9\u4e00\U0001F600z";  // 1 + 2 + 3 + 4 + 1 bytes
  const auto bytes = [](std::size_t size) { return static_cast<std::int64_t>(size); };
  const std::vector<std::size_t> boundaries = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
  for (std::int64_t limit = 0; limit < 12; ++limit) {
    EXPECT_EQ(longest_fitting_prefix(text, limit, bytes), boundaries[limit]) << limit;
  }
}

TEST(LongestFittingPrefix, OneCodePointMoreIsTooManyWhereverItEnds) {
  // A long word is one token; 40 letters, then 40 words.
  std::string text(40, 'a');
  for (int i = 0; i < 40; ++i) text += " b";
  const auto words = [&](std::size_t size) -> std::int64_t {
    const std::size_t in_word = std::min<std::size_t>(size, 40);
    const std::int64_t first = in_word == 40 ? 1 : static_cast<std::int64_t>(in_word);
    return first + static_cast<std::int64_t>((size - in_word + 1) / 2);
  };
  for (std::int64_t limit = 0; limit < 41; ++limit) {
    const auto kept = longest_fitting_prefix(text, limit, words);
    ASSERT_TRUE(kept.has_value());
    EXPECT_LE(words(*kept), limit);
    EXPECT_GT(words(*kept + 1), limit);
  }
}

TEST(LongestFittingPrefix, CountsRarely) {
  const std::string text(4000, 'x');
  int calls = 0;
  const auto kept = longest_fitting_prefix(text, 256, [&](std::size_t size) {
    ++calls;
    return static_cast<std::int64_t>(10 + size / 4);
  });
  EXPECT_EQ(kept, 987u);
  EXPECT_LE(calls, 8);
}

}  // namespace
}  // namespace incipit::data
