// WSC: spans that are found by their text. The T5 form is written by hand from Raffel et al.
// (2020), appendix D.16, and from what T5's released preprocessor does with a pronoun before
// punctuation.
#include <nlohmann/json.hpp>

#include "tests/unit/tasks/built_in_task.h"

namespace incipit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string line(const std::string& text, const std::string& noun, int noun_index,
                 const std::string& pronoun, int pronoun_index, bool label = true) {
  return nlohmann::json{{"text", text},
                        {"target",
                         {{"span1_text", noun},
                          {"span1_index", noun_index},
                          {"span2_text", pronoun},
                          {"span2_index", pronoun_index}}},
                        {"idx", 3},
                        {"label", label}}
      .dump();
}

// "SOURCE => TARGET" in T5's form.
std::string t5(const std::string& json) {
  static const BuiltInTask task("wsc_t5");
  const auto e = task.one(json);
  return task.text(e.source) + " =>" + task.text(e.target);
}

TEST(Wsc, ThePronounIsMarked) {
  EXPECT_EQ(t5(line("Nora thanked Ben because he had fixed the lamp.", "Ben", 2, "he", 4)),
            "wsc: Nora thanked Ben because *he* had fixed the lamp. => Ben</s>");
}

TEST(Wsc, ThePronounThatIsMeantIsMarked) {
  EXPECT_EQ(t5(line("He said he would, so he did it.", "He", 0, "he", 5)),
            "wsc: He said he would, so *he* did it. => He</s>");
  EXPECT_EQ(t5(line("He said he would, so he did it.", "He", 0, "he", 2)),
            "wsc: He said *he* would, so he did it. => He</s>");
  EXPECT_EQ(t5(line("The theme is there; he is the heir.", "The theme", 0, "he", 4)),
            "wsc: The theme is there; *he* is the heir. => The theme</s>")
      << "not within a word";
}

TEST(Wsc, AnIndexMayBeOffByOne) {
  EXPECT_EQ(t5(line("Ann wants to use it , she said.", "Ann", 0, "it", 3)),
            "wsc: Ann wants to use *it* , she said. => Ann</s>");
}

TEST(Wsc, PunctuationIsSetApartFromThePronoun) {
  EXPECT_EQ(t5(line("The dog barked. \"Is that for me,\" she asked it, laughing. ", "The dog", 0,
                    "it", 9)),
            "wsc: The dog barked. \"Is that for me,\" she asked *it* , laughing. => The dog</s>");
}

TEST(Wsc, ReferentsHaveTheTextsForm) {
  const std::string lent = "Joe lent Kim the red kite because it flew.";
  EXPECT_THAT(t5(line(lent, "The red kite", 3, "it", 7)), HasSubstr("=> the red kite</s>"));
  EXPECT_THAT(t5(line(lent, "the red kite.", 3, "it", 7)), HasSubstr("=> the red kite</s>"));
  EXPECT_THAT(t5(line(lent, "the red\nkite", 3, "it", 7)), HasSubstr("=> the red kite</s>"));
  EXPECT_THAT(t5(line(lent, "joe", 0, "it", 7)), HasSubstr("=> Joe</s>"));
  EXPECT_THAT(t5(line(lent, "Kim", 2, "it", 7)), HasSubstr("=> Kim</s>"));
  EXPECT_THAT(t5(line(lent, "Kim and Joe", 2, "it", 7)), HasSubstr("=> Kim and Joe</s>"))
      << "words that are not in the text stay as they are";
}

TEST(Wsc, OddUnicodeIsPassedOver) {
  EXPECT_EQ(
      t5(line("\u00c9lo\u0308die \U0001F642 saw Zo\u00eb\u00a0, but she left.", "Zo\u00eb", 3,
              "she", 6)),
      "wsc: \u00c9lo\u0308die \U0001F642 saw Zo\u00eb\u00a0, but *she* left. => Zo\u00eb</s>");
}

TEST(Wsc, TrainsOnRightReferentsAlone) {
  const BuiltInTask task("wsc_t5");
  const std::string wrong = line("Al met Bo; he ran.", "Al", 0, "he", 3, false);
  EXPECT_THAT(task.train(wrong), IsEmpty());
  const auto e = task.eval(wrong).at(0);
  EXPECT_EQ(e.label, 0);
  EXPECT_THAT(e.references, ElementsAre("Al")) << "what a generated text is compared with";
  EXPECT_THAT(task.task().labels(), ElementsAre("false", "true"));
  EXPECT_TRUE(task.task().generates());
}

TEST(Wsc, CausalFormAsksForYesOrNo) {
  const BuiltInTask task("wsc");
  const auto e = task.one(line("Al met Bo; he, too, ran.", "Bo", 2, "he", 3, false));
  EXPECT_EQ(task.text(e.source),
            "Al met Bo; *he* , too, ran.\nQuestion: Does *he* refer to Bo? Yes or No?\nAnswer:");
  EXPECT_THAT(task.candidates(e), ElementsAre("false = No", "true = Yes"));
  EXPECT_EQ(e.label, 0);
}

TEST(Wsc, ThePronounCanBeReplaced) {
  const BuiltInTask task(
      "wsc", {"template=\"{text}\\nThat is: {wsc.replaced} Yes or No?\"", "truncate=none"});
  const std::string text = "Al met Bo; he, too, ran.";
  EXPECT_THAT(task.text(task.one(line(text, "Bo", 2, "he", 3)).source),
              HasSubstr("That is: Al met Bo; Bo, too, ran."));
}

TEST(Wsc, CandidatesOfOneTextShareIt) {
  const BuiltInTask task("wsc");
  auto both = task.train(line("Al met Bo; he ran.", "Al", 0, "he", 3));
  both.push_back(task.one(line("Al met Bo; he ran.", "Bo", 2, "he", 3)));
  EXPECT_THAT(task.segments(both),
              ElementsAre("0|Al met Bo; *he* ran.\nQuestion: Does *he* refer to ",
                          "1|Al? Yes or No?\nAnswer: ", "2|N", "2|Ye",
                          "1|Bo? Yes or No?\nAnswer: ", "2|N", "2|Ye"));
}

}  // namespace
}  // namespace incipit::testing
