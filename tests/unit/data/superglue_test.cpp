// The built-in tasks on the real files and the default model; skipped where they are not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "data/batch.h"
#include "data/dataset.h"
#include "data/task_checks.h"

namespace incipit::data {
namespace {

namespace fs = std::filesystem;

class SuperGlueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* elsewhere = std::getenv("INCIPIT_SHARED");
    const fs::path shared = elsewhere != nullptr ? elsewhere : INCIPIT_SHARED_DIR;
    folder_ = shared / "data" / "superglue";
    if (!fs::exists(folder_)) GTEST_SKIP() << "no SuperGLUE files under " << folder_;
    if (!fs::exists(fs::path(INCIPIT_MODEL_DIR) / "tokenizer.json")) {
      GTEST_SKIP() << "the default model is not prepared (scripts/setup.sh)";
    }
  }
  // The options of the recorded reference run.
  TaskOptions reference_rte() const {
    TaskOptions o;
    o.data_dir = (folder_ / "RTE").string();
    o.train = "train.jsonl";
    o.validation.share = 0;
    o.source_template = "rte hypothesis: {hypothesis} premise: {premise} answer:";
    o.verbalizer = {{"entailment", " entailment"}, {"not_entailment", " not_entailment"}};
    o.max_source_tokens = 256;
    o.truncate.kind = TruncateOptions::Kind::kSourceHead;
    o.bos = BosPolicy::kNone;
    o.eos = EosPolicy::kNone;
    return o;
  }

  fs::path folder_;
};

TEST_F(SuperGlueTest, ReferenceRunsTokensAreThoseOfTransformers) {
  const TaskOptions options = reference_rte();
  Task task(options, load_task_model(INCIPIT_MODEL_DIR, options));
  const Dataset train = load_splits(task, 0, 20, {.validation = false, .test = false}).train;
  ASSERT_EQ(train.size(), 2490);
  std::int64_t source = 0;
  std::int64_t target = 0;
  std::uint64_t checksum = 0;
  for (const Example& example : train) {
    source += static_cast<std::int64_t>(example.source.size());
    target += static_cast<std::int64_t>(example.target.size());
    for (const TokenId id : example.source) checksum = (checksum * 31 + id) % 1000000007;
  }
  // Counted with transformers' tokenizer.
  EXPECT_EQ(train.truncated(), 4);
  EXPECT_EQ(source, 196310);
  EXPECT_EQ(target, 8703);
  EXPECT_EQ(checksum, 669011505u);
}

TEST_F(SuperGlueTest, ReferenceBatchesShareTheirPrompt) {
  const TaskOptions options = reference_rte();
  Task task(options, load_task_model(INCIPIT_MODEL_DIR, options));
  const Dataset train = load_splits(task, 0, 20, {.validation = false, .test = false}).train;
  std::vector<Example> first;
  std::int64_t rows = 20;
  for (std::int64_t i = 0; i < 8; ++i) {
    first.push_back(train[i]);
    rows += static_cast<std::int64_t>(train[i].source.size() + train[i].target.size()) - 1;
  }
  std::vector<const Example*> examples;
  for (const Example& example : first) examples.push_back(&example);
  const PackedForest packed = pack_targets(task, examples, {0, 20});
  EXPECT_LE(packed.forest.row_count(), rows);
  EXPECT_EQ(packed.forest.prompt_spans.size(), 1u);
}

TEST_F(SuperGlueTest, TestFileWithoutLabelsAndLastNewlineIsReadWhole) {
  TaskOptions options = reference_rte();
  options.test = "test.jsonl";
  Task task(options, load_task_model(INCIPIT_MODEL_DIR, options));
  const Dataset test = load_splits(task, 0, 0, {.train = false, .validation = false}).test;
  EXPECT_EQ(test.size(), 3000);
  EXPECT_FALSE(test.labelled());
}

TEST_F(SuperGlueTest, CbHasItsThreeLabels) {
  TaskOptions o;
  o.data_dir = (folder_ / "CB").string();
  o.train = "train32.jsonl";
  o.validation = {.file = "dev32.jsonl", .share = 0};
  o.test = "val.jsonl";
  o.source_template = "{premise}\nQuestion: {hypothesis} True, False, or Neither?\nAnswer:";
  o.verbalizer = {{"entailment", " True"}, {"contradiction", " False"}, {"neutral", " Neither"}};
  o.max_source_tokens = 512;
  o.truncate = {TruncateOptions::Kind::kField, "premise"};
  o.metrics = {"accuracy", "macro_f1"};
  Task task(o, load_task_model(INCIPIT_MODEL_DIR, o));
  const Splits splits = load_splits(task, 0, 20);
  EXPECT_EQ(splits.train.size(), 32);
  EXPECT_EQ(splits.validation.size(), 32);
  EXPECT_EQ(splits.test.size(), 56);
  EXPECT_EQ(splits.validation_in_train + splits.test_in_train + splits.test_in_validation, 0);
  int contradictions = 0;
  for (const Example& example : splits.test) contradictions += example.label == 1 ? 1 : 0;
  EXPECT_EQ(contradictions, 28) << "half of the validation set";
  EXPECT_THAT(task_warnings(task, splits, true), ::testing::IsEmpty());
}

TEST_F(SuperGlueTest, ChatFormatSurroundsTheSourceWithSpecialTokens) {
  TaskOptions options = reference_rte();
  options.format = Format::kChat;
  Task task(options, load_task_model(INCIPIT_MODEL_DIR, options));
  const Dataset train = load_splits(task, 0, 20, {.validation = false, .test = false}).train;
  const std::string text = task.tokenizer().decode(train[0].source, false);
  EXPECT_EQ(text.find("<|im_start|>system\n"), 0u);
  EXPECT_TRUE(text.ends_with("answer:<|im_end|>\n<|im_start|>assistant\n"));
  EXPECT_EQ(train[0].source.front(), task.tokenizer().token_to_id("<|im_start|>"));
}

}  // namespace
}  // namespace incipit::data
