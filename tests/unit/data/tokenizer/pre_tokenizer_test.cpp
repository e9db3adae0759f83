#include "data/tokenizer/pre_tokenizer.h"

#include <gmock/gmock.h>

#include "tests/unit/data/tokenizer/tokenizer_files.h"

namespace incipit::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::json;

std::vector<std::string> words(const json& description, std::string_view text,
                               std::uint32_t front = 1) {
  const PreTokenizers steps = read_pre_tokenizers(JsonNode(description, "test.json"));
  Pieces pieces;
  pieces.list.push_back({text, front, kNoToken});
  for (const auto& step : steps.list) step->apply(pieces);
  std::vector<std::string> result;
  for (const Piece& piece : pieces.list) result.emplace_back(piece.text);
  return result;
}

json byte_level(bool prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", prefix_space}, {"use_regex", use_regex}};
}

json metaspace(const char* scheme, bool split) {
  return {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", split}};
}

TEST(PreTokenizer, CutsWordsAsGpt2Does) {
  EXPECT_THAT(words(byte_level(false, true), "It's 42  of you'll!? \n"),
              ElementsAre("It", "'s", " 42", " ", " of", " you", "'ll", "!?", " \n"));
}

TEST(PreTokenizer, AddsASpaceInFrontWhereNoneIs) {
  EXPECT_THAT(words(byte_level(true, false), "a b"), ElementsAre(" a b"));
  EXPECT_THAT(words(byte_level(true, false), " a b"), ElementsAre(" a b"));
  EXPECT_THAT(words(byte_level(true, false), "\ta"), ElementsAre(" \ta"));
}

TEST(PreTokenizer, LeavesTheByteAlphabetToTheModelOnlyAtTheEnd) {
  EXPECT_TRUE(read_pre_tokenizers(JsonNode(byte_level(false, true), "")).byte_level);
  const json first = {{"type", "Sequence"},
                      {"pretokenizers", {byte_level(false, false), {{"type", "Digits"}}}}};
  EXPECT_FALSE(read_pre_tokenizers(JsonNode(first, "")).byte_level);
  EXPECT_THAT(words(first, " é1"), ElementsAre("ĠÃ©", "1"));
}

TEST(PreTokenizer, MakesSpacesVisible) {
  EXPECT_THAT(words(metaspace("always", true), "a  b "), ElementsAre("▁a", "▁", "▁b", "▁"));
  EXPECT_THAT(words(metaspace("always", true), " a"), ElementsAre("▁a"));
  EXPECT_THAT(words(metaspace("always", false), "a b"), ElementsAre("▁a▁b"));
  EXPECT_THAT(words(metaspace("never", true), "a b▁c"), ElementsAre("a", "▁b", "▁c"));
}

TEST(PreTokenizer, PrependsFirstOnlyAtTheBeginningOfTheText) {
  EXPECT_THAT(words(metaspace("first", true), "a b", /*front=*/1), ElementsAre("▁a", "▁b"));
  EXPECT_THAT(words(metaspace("first", true), "a b", /*front=*/0), ElementsAre("a", "▁b"));
  const json behind_split = {
      {"type", "Sequence"},
      {"pretokenizers", {{{"type", "Punctuation"}}, metaspace("first", false)}}};
  EXPECT_THAT(words(behind_split, "a,b"), ElementsAre("▁a", ",", "b"));
}

TEST(PreTokenizer, CutsAtDigitsPunctuationAndSpaces) {
  EXPECT_THAT(words({{"type", "Digits"}, {"individual_digits", true}}, "a12½b"),
              ElementsAre("a", "1", "2", "½", "b"));
  EXPECT_THAT(words({{"type", "Digits"}, {"individual_digits", false}}, "a12½b"),
              ElementsAre("a", "12½", "b"));
  EXPECT_THAT(words({{"type", "Whitespace"}}, " it's é+=1 \u3000"),
              ElementsAre("it", "'", "s", "é", "+=", "1"));
  EXPECT_THAT(words({{"type", "WhitespaceSplit"}}, " it's\u3000a,b "), ElementsAre("it's", "a,b"));
  EXPECT_THAT(words({{"type", "Punctuation"}, {"behavior", "Contiguous"}}, "a...b"),
              ElementsAre("a", "...", "b"));
}

TEST(PreTokenizer, CutsAtPatternsOrBetweenThem) {
  const auto split = [](const json& pattern, const char* behavior, bool invert) {
    return json{
        {"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", invert}};
  };
  EXPECT_THAT(words(split({{"String", "."}}, "Isolated", false), "a.b"),
              ElementsAre("a", ".", "b"));
  EXPECT_THAT(words(split({{"Regex", "[a-z]+"}}, "Removed", true), "ab1c"), ElementsAre("ab", "c"));
}

TEST(PreTokenizer, LeavesAddedTokensAlone) {
  Pieces pieces;
  pieces.list.push_back({"a b", 1, 7});
  for (const auto& step : read_pre_tokenizers(JsonNode(metaspace("always", true), "")).list) {
    step->apply(pieces);
  }
  ASSERT_EQ(pieces.list.size(), 1U);
  EXPECT_EQ(pieces.list[0].text, "a b");
  EXPECT_EQ(pieces.list[0].token, 7);
}

TEST(PreTokenizer, RefusesUnknownTypesAndValuesByName) {
  const auto message = [](const json& description) {
    try {
      static_cast<void>(read_pre_tokenizers(JsonNode(description, "test.json")));
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message({{"type", "UnicodeScripts"}}), HasSubstr("'UnicodeScripts'"));
  EXPECT_THAT(message(metaspace("sometimes", true)), HasSubstr("prepend_scheme: expected always"));
  EXPECT_THAT(message({{"type", "Metaspace"}, {"replacement", "__"}}), HasSubstr("one character"));
  EXPECT_THAT(message({{"type", "Punctuation"}, {"behavior", "Dropped"}}), HasSubstr("'Dropped'"));
  EXPECT_THAT(message({{"type", "Digits"}, {"individual_digits", 1}}), HasSubstr("true or false"));
  EXPECT_THAT(message({{"individual_digits", true}}), HasSubstr("'type' is missing"));
  EXPECT_THAT(message("Digits"), HasSubstr("expected an object"));
}

}  // namespace
}  // namespace incipit::data
