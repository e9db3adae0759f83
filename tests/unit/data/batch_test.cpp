#include "data/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

using incipit::testing::byte_ids;
using incipit::testing::TinyModel;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
constexpr TokenId kPrompt = Forest::kPromptToken;

float total_weight(const Forest& forest) {
  float sum = 0;
  for (const Target& target : forest.targets) sum += target.weight;
  return sum;
}

class BatchTest : public ::testing::Test {
 protected:
  static TaskOptions options() {
    TaskOptions o;
    o.source_template = "{a}?";
    o.verbalizer = {{"y", "Yes"}, {"n", "Yo"}};
    return o;
  }
  Task task(const TaskOptions& o = options()) const { return {o, model_.task_model()}; }
  static Example example(const Task& task, const std::string& a, const std::string& label) {
    const Record record(R"({"a": ")" + a + R"(", "label": ")" + label + R"("})", "f.jsonl", 1);
    return task.example(record, true);
  }

  TinyModel model_;
};

// Returns the tokens on the path from the root to a sequence's last input.
std::vector<TokenId> tokens_of(const Sequence& sequence) {
  std::vector<TokenId> ids;
  for (const Symbol symbol : sequence.inputs) {
    ids.push_back(symbol.is_token() ? symbol.token_id() : kPrompt);
  }
  return ids;
}

TEST_F(BatchTest, BosStandsBeforeOrBehindThePrompt) {
  TaskOptions o = options();
  const Task none = task(o);
  EXPECT_THAT(tokens_of(source_sequence(none, example(none, "a", "y"), {0, 2})),
              ElementsAre(kPrompt, kPrompt, 'a', '?'));
  o.bos = BosPolicy::kBeforePrompt;
  const Task before = task(o);
  EXPECT_THAT(tokens_of(source_sequence(before, example(before, "a", "y"), {0, 2})),
              ElementsAre(TinyModel::kBos, kPrompt, kPrompt, 'a', '?'));
  o.bos = BosPolicy::kAfterPrompt;
  const Task after = task(o);
  EXPECT_THAT(tokens_of(source_sequence(after, example(after, "a", "y"), {0, 2})),
              ElementsAre(kPrompt, kPrompt, TinyModel::kBos, 'a', '?'));
}

TEST_F(BatchTest, DemonstrationsStandBetweenPromptAndSource) {
  TaskOptions o = options();
  o.train = "t.jsonl";
  o.shots = 1;
  o.shot_separator = ";";
  Task t = task(o);
  std::vector<Record> records;
  records.emplace_back(R"({"a": "b", "label": "n"})", "t.jsonl", 1);
  t.set_demonstrations(records);
  EXPECT_THAT(tokens_of(source_sequence(t, example(t, "a", "y"), {3, 1})),
              ElementsAre(kPrompt, 'b', '?', 'Y', 'o', ';', 'a', '?'));
}

TEST_F(BatchTest, EveryTargetTokenIsPredictedFromTheOneBefore) {
  const Task t = task();
  const Sequence s = target_sequence(t, example(t, "a", "y"), {0, 1}, byte_ids("Yes"));
  EXPECT_THAT(tokens_of(s), ElementsAre(kPrompt, 'a', '?', 'Y', 'e'));
  ASSERT_EQ(s.predictions.size(), 3u);
  EXPECT_EQ(s.predictions[0].index, 2);
  EXPECT_EQ(s.predictions[0].id, 'Y');
  EXPECT_EQ(s.predictions[2].index, 4);
  EXPECT_EQ(s.predictions[2].id, 's');
  EXPECT_EQ(s.predictions[2].weight, 1);
}

TEST_F(BatchTest, PackedTargetsShareThePromptAndNothingIsPadded) {
  const Task t = task();
  const Example a = example(t, "a", "y");
  const Example b = example(t, "bcd", "n");
  const std::vector<const Example*> examples = {&a, &b};
  const PackedForest packed = pack_targets(t, examples, {0, 4});
  packed.forest.check();
  EXPECT_EQ(total_weight(packed.forest), 3 + 2);
  // 4 prompt rows once, "a?Ye" and "bcd?Y".
  EXPECT_EQ(packed.forest.row_count(), 4 + 4 + 5);
  EXPECT_THAT(packed.forest.parent, ElementsAre(-1, 0, 0));
  EXPECT_THAT(packed.forest.prompt_spans, ElementsAre(PromptSpan{0, 0, 0, 4}));
  ASSERT_EQ(packed.targets.size(), 2u);
  EXPECT_EQ(packed.targets[0].size(), 3u);
  EXPECT_EQ(packed.targets[1].size(), 2u);
}

TEST_F(BatchTest, WithoutPromptAndBosTheSourceIsTheRoot) {
  const Task t = task();
  const Example a = example(t, "a", "n");
  const std::vector<const Example*> examples = {&a};
  const Forest forest = pack_targets(t, examples, {0, 0}).forest;
  forest.check();
  EXPECT_THAT(forest.tokens, ElementsAre('a', '?', 'Y'));
  EXPECT_THAT(forest.targets, ElementsAre(Target{1, 'Y', 1}, Target{2, 'o', 1}));
}

TEST_F(BatchTest, ScoringBatchMapsExamplesAndCandidatesToTargets) {
  const Task t = task();
  const Example a = example(t, "a", "y");
  const Example b = example(t, "b", "n");
  const std::vector<const Example*> examples = {&a, &b};
  const ScoringBatch batch = scoring_batch(t, examples, {0, 1});
  batch.packed.forest.check();
  EXPECT_THAT(batch.first, ElementsAre(0, 2, 4));
  // prompt; "a?Y" with a child "e"; the same for b. "Yo" ends at the shared "Y".
  EXPECT_EQ(batch.packed.forest.row_count(), 1 + 2 * 4);
  ASSERT_EQ(batch.packed.targets.size(), 4u);
  const auto ids = [&](std::size_t sequence) {
    std::vector<TokenId> ids;
    for (const auto target : batch.packed.targets[sequence]) {
      ids.push_back(batch.packed.forest.targets[target].id);
    }
    return ids;
  };
  EXPECT_EQ(ids(0), byte_ids("Yes"));
  EXPECT_EQ(ids(1), byte_ids("Yo"));
  EXPECT_EQ(ids(2), byte_ids("Yes"));
  EXPECT_EQ(ids(3), byte_ids("Yo"));
  EXPECT_EQ(batch.packed.targets[0][0], batch.packed.targets[1][0]) << "'Y' is predicted once";
}

TEST_F(BatchTest, AnEmptyBatchIsAnEmptyForest) {
  const PackedForest packed = pack_targets(task(), {}, {0, 4});
  EXPECT_EQ(packed.forest.row_count(), 0);
  EXPECT_EQ(total_weight(packed.forest), 0);
  EXPECT_THAT(packed.targets, IsEmpty());
}

TEST_F(BatchTest, AnExampleWithoutTargetCannotBeTrainedOn) {
  const Task t = task();
  const Example a = t.example(Record(R"({"a": "a"})", "f.jsonl", 1), false);
  const std::vector<const Example*> examples = {&a};
  EXPECT_THROW((void)pack_targets(t, examples, {0, 1}), LogicError);
}

}  // namespace
}  // namespace incipit::data
