#include "data/answer_text.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace incipit::data {
namespace {

using Texts = std::vector<std::string>;

TEST(AnswerText, IsNormalisedAsInSquad) {
  EXPECT_EQ(normalized_answer("  The Old-Mill,  an inn "), "oldmill inn");
  EXPECT_EQ(normalized_answer("A a THE"), "");
  EXPECT_EQ(normalized_answer("theatre\tan-na"), "theatre anna") << "articles are whole words";
}

TEST(AnswerText, OnlyAsciiPunctuationIsTakenOut) {
  EXPECT_EQ(normalized_answer("\u00abthe\u00bb \u2019a\u2019"), "\u00ab \u00bb \u2019 \u2019")
      << "other marks stay, and end a word";
  EXPECT_EQ(normalized_answer("\u00c9T\u00c9\u00a0\u2003x"), "\u00e9t\u00e9 x");
  EXPECT_EQ(normalized_answer("\u039f\u0394\u039f\u03a3"), "\u03bf\u03b4\u03bf\u03c2")
      << "a final sigma";
}

TEST(AnswerText, F1CountsAWordAsOftenAsItOccurs) {
  // Two of the answer's three words are in the reference's two: 2 * 2 / (3 + 2).
  EXPECT_DOUBLE_EQ(text_f1("ducks ducks pond", Texts{"ducks ducks"}), 0.8);
  EXPECT_DOUBLE_EQ(text_f1("ducks ducks", Texts{"ducks"}), 2.0 / 3);
  EXPECT_EQ(text_f1("the", Texts{"a"}), 0) << "the official script gives nothing for nothing";
  EXPECT_EQ(text_f1("x", {}), 0);
}

TEST(AnswerText, ExactMatchIsOfNormalisedTexts) {
  EXPECT_TRUE(text_exact_match("The Weir!", Texts{"bridge", "weir"}));
  EXPECT_TRUE(text_exact_match("the", Texts{"a"}));
  EXPECT_FALSE(text_exact_match("weirs", Texts{"weir"}));
  EXPECT_FALSE(text_exact_match("", {}));
}

TEST(AnswerText, WhiteSpaceAtBothEndsIsStripped) {
  EXPECT_EQ(stripped(" \n\u00a0Yes no\u3000\t"), "Yes no");
  EXPECT_EQ(stripped(" \u2003"), "");
}

TEST(Referent, IsNamedByWordsThatAreAllAmongTheOther) {
  EXPECT_EQ(names_referent("the tall baker", "Baker"), true);
  EXPECT_EQ(names_referent("baker", "The tall baker"), true);
  EXPECT_EQ(names_referent("tall miller", "tall baker"), false);
  EXPECT_EQ(names_referent("their", "the baker"), std::nullopt) << "only a determiner";
  EXPECT_EQ(names_referent(" ", "the baker"), std::nullopt);
}

TEST(Referent, AnApostropheTellsAPersonFromWhatIsTheirs) {
  EXPECT_EQ(names_referent("Ada", "Ada's boat"), false);
  EXPECT_EQ(names_referent("Ada's boat", "boat"), false);
  EXPECT_EQ(names_referent("Ada's boat", "Ada's"), true);
}

}  // namespace
}  // namespace incipit::data
