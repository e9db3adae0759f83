#include <gmock/gmock.h>

#include "tests/unit/data/tokenizer/tokenizer_files.h"

namespace incipit::data {
namespace {

using testing::added_token;
using ::testing::ElementsAre;
using testing::json;
using testing::load;
using testing::small_tokenizer;

Tokenizer with(const std::vector<json>& tokens, const json& normalizer = nullptr) {
  json tokenizer = small_tokenizer();
  tokenizer["added_tokens"] = tokens;
  tokenizer["normalizer"] = normalizer;
  return load(tokenizer);
}

TEST(AddedTokens, AreFoundLongestFirstAndCutTheText) {
  const Tokenizer tokenizer = with({added_token(7, "<x>"), added_token(8, "<x><y>")});
  EXPECT_THAT(tokenizer.encode("ab<x>c<x><y><x"), ElementsAre(4, 7, 2, 8, 6, 6));
  EXPECT_THAT(tokenizer.encode("<x>"), ElementsAre(7));
}

TEST(AddedTokens, TakeTheWhiteSpaceAroundThem) {
  EXPECT_THAT(with({added_token(7, "<x>")}).encode("a <x> b"), ElementsAre(0, 3, 7, 3, 1));
  EXPECT_THAT(with({added_token(7, "<x>", {{"lstrip", true}})}).encode("a \u3000<x> b"),
              ElementsAre(0, 7, 3, 1));
  EXPECT_THAT(with({added_token(7, "<x>", {{"rstrip", true}})}).encode("a <x> \n b"),
              ElementsAre(0, 3, 7, 1));
  EXPECT_THAT(
      with({added_token(7, "<x>", {{"rstrip", true}}), added_token(8, "<y>", {{"lstrip", true}})})
          .encode("<x>  <y>"),
      ElementsAre(7, 8));
}

TEST(AddedTokens, StandAloneWhenTheyAreSingleWords) {
  const Tokenizer tokenizer = with({added_token(7, "cab", {{"single_word", true}})});
  EXPECT_THAT(tokenizer.encode("cab ca"), ElementsAre(7, 3, 2, 0));
  EXPECT_THAT(tokenizer.encode("acab"), ElementsAre(0, 2, 4));
  EXPECT_THAT(tokenizer.encode("caba"), ElementsAre(2, 4, 0));
}

TEST(AddedTokens, AreSoughtInTheNormalizedTextWhenNormalized) {
  const json lower = {{"type", "Lowercase"}};
  const Tokenizer tokenizer =
      with({added_token(7, "CAB", {{"normalized", true}}), added_token(8, "BAC")}, lower);
  EXPECT_THAT(tokenizer.encode("cab CaB"), ElementsAre(7, 3, 7));
  EXPECT_THAT(tokenizer.encode("bacBAC"), ElementsAre(1, 0, 2, 8));
}

TEST(AddedTokens, KeepTheModelsIdAndElseTakeTheNextFreeOne) {
  const Tokenizer tokenizer = with({added_token(99, "ab"), added_token(7, "<x>")});
  EXPECT_EQ(tokenizer.token_to_id("ab"), 4);
  EXPECT_EQ(tokenizer.token_to_id("<x>"), 7);
  EXPECT_EQ(tokenizer.id_to_token(7), "<x>");
  EXPECT_EQ(tokenizer.vocab_size(), 8);
}

TEST(AddedTokens, AreLeftOutOfTextWhenSpecial) {
  const Tokenizer tokenizer =
      with({added_token(7, "<s>", {{"special", true}}), added_token(8, "<x>")});
  const std::vector<TokenId> ids = {7, 0, 8, 123};
  EXPECT_EQ(tokenizer.decode(ids), "a<x>");
  EXPECT_EQ(tokenizer.decode(ids, /*skip_special=*/false), "<s>a<x>");
  EXPECT_TRUE(tokenizer.is_special(7));
  EXPECT_FALSE(tokenizer.is_special(8));
  EXPECT_FALSE(tokenizer.is_special(123));
}

TEST(AddedTokens, OfAbsurdLengthAreRefused) {
  EXPECT_NO_THROW((void)with({added_token(7, std::string(4096, 'x'))}));
  EXPECT_THROW((void)with({added_token(7, std::string(4097, 'x'))}), DataError);
}

}  // namespace
}  // namespace incipit::data
