// BoolQ, CB, RTE, WiC, AX-b and AX-g: one example a record, one token an answer. The T5 forms are
// written by hand from Raffel et al. (2020), appendix D.
#include "tests/unit/tasks/built_in_task.h"

namespace incipit::testing {
namespace {

using ::testing::ElementsAre;

constexpr const char* kOtters =
    R"({"question": "do otters hold hands", "passage": "Sea otter -- They float.\u00a0Paws \ud83e\udda6 touch.", "idx": 4, "label": true})";

TEST(BoolQ, PassageStandsBeforeTheQuestion) {
  const BuiltInTask task("boolq");
  const auto e = task.one(kOtters);
  EXPECT_EQ(task.text(e.source),
            "Sea otter -- They float.\u00a0Paws \U0001F9A6 touch.\n"
            "Question: do otters hold hands?\nAnswer:");
  EXPECT_EQ(task.text(e.target), " Yes");
  EXPECT_EQ(e.label, 1) << "JSON true";
  EXPECT_EQ(e.id, "4");
  EXPECT_THAT(task.candidates(e), ElementsAre("false = No", "true = Yes"));
}

TEST(BoolQ, AnUnlabelledRecordIsRead) {
  const BuiltInTask task("boolq");
  const auto e = task.eval(R"({"question": "q", "passage": "p", "idx": 0})").at(0);
  EXPECT_EQ(e.label, -1);
  EXPECT_TRUE(e.target.empty());
}

TEST(BoolQ, QuestionsOnOnePassageShareIt) {
  const BuiltInTask task("boolq");
  auto both = task.train(R"({"question": "is it", "passage": "P.", "idx": 1, "label": false})");
  both.push_back(task.one(R"({"question": "was it", "passage": "P.", "idx": 2, "label": true})"));
  EXPECT_THAT(task.segments(both), ElementsAre("0|P.\nQuestion: ",                   //
                                               "1|is it?\nAnswer: ", "2|N", "2|Ye",  //
                                               "1|was it?\nAnswer: ", "2|N", "2|Ye"));
}

TEST(BoolQ, T5FormWithAndWithoutTheName) {
  const auto e = BuiltInTask("boolq_t5").one(kOtters);
  EXPECT_EQ(BuiltInTask::text(e.source),
            "boolq passage: Sea otter -- They float.\u00a0Paws \U0001F9A6 touch. "
            "question: do otters hold hands");
  EXPECT_EQ(BuiltInTask::text(e.target), " True</s>");
  const BuiltInTask lester("boolq_t5", {"source_prefix=\"\""});
  EXPECT_EQ(lester.text(lester.one(kOtters).source),
            "passage: Sea otter -- They float.\u00a0Paws \U0001F9A6 touch. "
            "question: do otters hold hands");
}

constexpr const char* kFerry =
    R"({"premise": "I doubt that the ferry  left.", "hypothesis": "the ferry left", "label": "contradiction", "idx": 8})";

TEST(CommitmentBank, BothForms) {
  const BuiltInTask task("cb");
  const auto e = task.one(kFerry);
  EXPECT_EQ(
      task.text(e.source),
      "I doubt that the ferry  left.\nQuestion: the ferry left True, False, or Neither?\nAnswer:");
  EXPECT_THAT(task.candidates(e),
              ElementsAre("entailment = True", "contradiction = False", "neutral = Neither"));
  EXPECT_EQ(e.label, 1);
  const BuiltInTask t5("cb_t5");
  EXPECT_EQ(t5.text(t5.one(kFerry).source),
            "cb hypothesis: the ferry left premise: I doubt that the ferry  left.");
  EXPECT_THAT(t5.candidates(t5.one(kFerry)),
              ElementsAre("entailment = entailment</s>", "contradiction = contradiction</s>",
                          "neutral = neutral</s>"));
}

constexpr const char* kBridge =
    R"({"premise": "The old bridge fell.", "hypothesis": "A bridge fell.", "label": "not_entailment", "idx": 0})";

TEST(Rte, BothForms) {
  const BuiltInTask task("rte");
  const auto e = task.one(kBridge);
  EXPECT_EQ(task.text(e.source),
            "The old bridge fell.\nQuestion: A bridge fell. Yes or No?\nAnswer:");
  EXPECT_EQ(task.text(e.target), " No");
  const BuiltInTask t5("rte_t5");
  EXPECT_EQ(t5.text(t5.one(kBridge).source),
            "rte hypothesis: A bridge fell. premise: The old bridge fell.");
  EXPECT_EQ(t5.text(t5.one(kBridge).target), " not_entailment</s>");
}

constexpr const char* kBank =
    R"({"word": "bank", "sentence1": "The bank was steep.", "sentence2": "A bank lends.", "idx": 6, "label": false, "start1": 4, "start2": 2, "end1": 8, "end2": 6, "version": 1.1})";

TEST(WordsInContext, BothFormsDropTheOffsets) {
  const BuiltInTask task("wic");
  const auto e = task.one(kBank);
  EXPECT_EQ(task.text(e.source),
            "The bank was steep.\nA bank lends.\nQuestion: Does the word \"bank\" mean the same in "
            "both sentences? Yes or No?\nAnswer:");
  EXPECT_EQ(task.text(e.target), " No");
  const BuiltInTask t5("wic_t5");
  EXPECT_EQ(t5.text(t5.one(kBank).source),
            "wic sentence1: The bank was steep. sentence2: A bank lends. word: bank");
  EXPECT_EQ(t5.text(t5.one(kBank).target), " False</s>");
}

TEST(BroadDiagnostics, HaveRtesForms) {
  const std::string line =
      R"({"sentence1": "The old bridge fell.", "sentence2": "A bridge fell.", "idx": 0, "label": "not_entailment", "logic": ""})";
  const BuiltInTask axb("axb");
  const BuiltInTask rte("rte");
  EXPECT_EQ(axb.one(line).source, rte.one(kBridge).source);
  EXPECT_EQ(axb.candidates(axb.one(line)), rte.candidates(rte.one(kBridge)));
  EXPECT_EQ(BuiltInTask("axb_t5").one(line).source, BuiltInTask("rte_t5").one(kBridge).source);
}

TEST(GenderDiagnostics, PairsAreLinesInTheirOrder) {
  const BuiltInTask axg("axg");
  const TemporaryFolder folder;
  const auto path = folder.write(
      "AX-g.jsonl",
      R"({"idx": 0, "premise": "The nurse met Al. He sang.", "hypothesis": "Al sang.", "label": "entailment", "pair_id": 551})"
      "\n"
      R"({"idx": 1, "premise": "The nurse met Al. She sang.", "hypothesis": "Al sang.", "label": "not_entailment", "pair_id": 552})");
  const data::Dataset split = data::read_dataset(axg.task(), path, false);
  ASSERT_EQ(split.size(), 2) << "the last line lacks its newline";
  EXPECT_EQ(split[0].id, "0");
  EXPECT_EQ(split[1].id, "1");
  EXPECT_EQ(axg.text(split[1].source),
            "The nurse met Al. She sang.\nQuestion: Al sang. Yes or No?\nAnswer:");
  const BuiltInTask t5("axg_t5");
  EXPECT_EQ(
      t5.text(
          t5.one(R"({"idx": 0, "premise": "P", "hypothesis": "H", "label": "entailment"})").source),
      "rte hypothesis: H premise: P");
}

}  // namespace
}  // namespace incipit::testing
