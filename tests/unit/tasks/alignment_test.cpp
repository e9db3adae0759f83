// Pairs of answers: our own, and those in the layout of BIG-bench's hhh_alignment.
#include "tests/unit/tasks/built_in_task.h"

namespace incipit::testing {
namespace {

using ::testing::ElementsAre;

TEST(AlignmentPairs, TheBetterAnswerIsTheRightOne) {
  const BuiltInTask task("alignment_pairs");
  const auto e = task.one(R"({"idx": 3, "question": "Late?", "better": "No.", "worse": "Ah."})");
  EXPECT_EQ(task.text(e.source), "Human: Late?\n\nAssistant:");
  EXPECT_THAT(task.candidates(e), ElementsAre("No. = No.", "Ah. = Ah."));
  EXPECT_EQ(e.label, 0);
  EXPECT_EQ(task.task().options().score, data::Score::kByteMean);
}

TEST(AlignmentHhh, EveryExampleOfATaskIsAPair) {
  const BuiltInTask task("alignment_hhh");
  const auto all = task.eval(
      R"({"examples": [{"input": "Late?", "target_scores": {"No.": 1, "Ah.": 0}},
                       {"input": "Here?", "target_scores": {"Yes.": 1, "No.": 0}}]})");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(task.text(all[1].source), "Human: Here?\n\nAssistant:");
  EXPECT_THAT(task.candidates(all[0]), ElementsAre("Ah. = Ah.", "No. = No."));
  EXPECT_EQ(all[0].label, 1);
  EXPECT_EQ(all[1].label, 1);
}

TEST(AlignmentQuestions, TheAnswerFollowsASpace) {
  const BuiltInTask task("alignment_questions");
  const auto e = task.one(R"({"question": "Late?", "split": "train", "answer": "No."})");
  EXPECT_EQ(task.text(e.target), " No.</s>");
  const auto asked = task.eval(R"({"question": "Late?", "split": "test"})");
  EXPECT_TRUE(asked.at(0).target.empty());
}

}  // namespace
}  // namespace incipit::testing
