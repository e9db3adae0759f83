#include "data/demonstrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "data/dataset.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

using incipit::testing::byte_ids;
using incipit::testing::message_of;
using incipit::testing::TemporaryFolder;
using incipit::testing::TinyModel;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// Lines "PREFIX0", "PREFIX1", ... labelled y and n in turn.
std::string train_lines(const std::string& prefix, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += R"({"text": ")" + prefix + std::to_string(i) + R"(", "label": ")" +
           (i % 2 == 0 ? "y" : "n") + "\"}\n";
  }
  return out;
}

// The sources of a byte tokenizer, without the colon that the template appends.
std::vector<std::string> source_texts(const Dataset& dataset) {
  std::vector<std::string> texts;
  for (const Example& example : dataset) {
    texts.emplace_back(example.source.begin(), example.source.end() - 1);
  }
  return texts;
}

class DemonstrationsTest : public ::testing::Test {
 protected:
  DemonstrationsTest() {
    options_.data_dir = folder_.path().string();
    options_.train = "train.jsonl";
    options_.test = "test.jsonl";
    options_.source_template = "{text}:";
    options_.verbalizer = {{"y", "Y"}, {"n", "N"}};
  }
  [[nodiscard]] Task task() const { return {options_, model_.task_model()}; }
  [[nodiscard]] Splits load(std::uint64_t seed = 1, const WhichSplits& which = {}) const {
    Task t = task();
    return load_splits(t, seed, 0, which);
  }

  TemporaryFolder folder_;
  TinyModel model_;
  TaskOptions options_;
};

TEST_F(DemonstrationsTest, CanComeFromATable) {
  options_.train = "train.csv";
  options_.validation = {"", 0};
  options_.shots = 1;
  folder_.write("train.csv", "text,label\n\"a\nb\",y\n\"a\nb\",y\n");
  folder_.write("test.jsonl", train_lines("test", 1));
  Task t = task();
  EXPECT_EQ(load_splits(t, 1, 0).train.size(), 1);
  EXPECT_EQ(t.prefix(), byte_ids("a\nb:Y\n\n"));
}

TEST_F(DemonstrationsTest, AreTakenOutOfTrain) {
  folder_.write("train.jsonl", train_lines("t", 20));
  folder_.write("test.jsonl", train_lines("x", 3));
  options_.shots = 4;
  options_.shot_separator = ";";
  options_.validation.share = 0.2;
  Task t = task();
  const Splits splits = load_splits(t, 5, 0);
  EXPECT_EQ(splits.train.size(), 20 - 4 - 4);
  std::string prefix(t.prefix().begin(), t.prefix().end());
  EXPECT_EQ(std::count(prefix.begin(), prefix.end(), ';'), 4);
  EXPECT_EQ(std::count(prefix.begin(), prefix.end(), 'Y'), 2) << "labels in turn";
  for (const Dataset* split : {&splits.train, &splits.validation}) {
    for (const auto& text : source_texts(*split)) EXPECT_THAT(prefix, Not(HasSubstr(text + ":")));
  }
  Task again = task();
  (void)load_splits(again, 5, 0, {.train = false, .validation = false, .test = true});
  EXPECT_EQ(again.prefix(), t.prefix()) << "evaluation shows the same ones as training";
}

TEST_F(DemonstrationsTest, AreDrawnAsAsked) {
  folder_.write("train.jsonl", train_lines("t", 40));
  folder_.write("test.jsonl", train_lines("x", 3));
  options_.validation.share = 0;
  options_.shots = 6;
  const auto labels = [&](std::uint64_t seed) {
    std::vector<int> drawn;
    for (const Example& example : load(seed).demonstrations) drawn.push_back(example.label);
    return drawn;
  };
  const auto texts_of = [&] { return source_texts(load(1).demonstrations); };
  std::set<std::int64_t> first_labels;
  options_.shot_choice = ShotChoice::kRandom;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const std::vector<int> drawn = labels(seed);
    first_labels.insert(std::count(drawn.begin(), drawn.end(), 0));
  }
  EXPECT_GT(first_labels.size(), 1u) << "labels are drawn as they come";
  const auto by_run = texts_of();
  options_.shot_seed = 1;
  EXPECT_EQ(source_texts(load(9).demonstrations), by_run) << "its own seed, whatever the run's";
  options_.shot_seed = 2;
  EXPECT_NE(texts_of(), by_run);
}

TEST_F(DemonstrationsTest, GivenOnesAreShownInTheirOrder) {
  folder_.write("train.jsonl", train_lines("t", 10));
  folder_.write("test.jsonl", train_lines("x", 3));
  options_.validation.share = 0;
  options_.shots = 2;
  options_.shot_lines.places = {{.line = 4}, {.line = 1}, {.line = 2}};
  Task t = task();
  EXPECT_EQ(load_splits(t, 1, 0).train.size(), 8);
  EXPECT_EQ(t.prefix(), byte_ids("t3:N\n\nt0:Y\n\n")) << "the first two of three";
  options_.shot_lines = {.file = folder_.write("best.txt", "1\n4:0\n").string(), .places = {}};
  Task from_file = task();
  (void)load_splits(from_file, 1, 0);
  EXPECT_EQ(from_file.prefix(), byte_ids("t0:Y\n\nt3:N\n\n"));

  options_.shot_lines = {.file = "", .places = {{.line = 11}, {.line = 1}}};
  EXPECT_THAT(message_of<ConfigError>([&] { (void)load(); }),
              HasSubstr("task.shot_lines: line 11 of"));
  options_.shot_lines.places = {{.line = 1}, {.line = 1}};
  EXPECT_THAT(message_of<ConfigError>([&] { (void)load(); }), HasSubstr("line 1 is given twice"));
  options_.shot_lines = {.file = folder_.write("bad.txt", "1 x\n").string(), .places = {}};
  EXPECT_THAT(message_of<DataError>([&] { (void)load(); }), HasSubstr("entry 2: 'x' is no line"));
}

TEST_F(DemonstrationsTest, AreAmongTheExamplesThatAreTrainedOn) {
  folder_.write("train.jsonl", train_lines("t", 40));
  folder_.write("test.jsonl", train_lines("x", 3));
  options_.validation.share = 0;
  const auto cut = source_texts(load(3, {.train_examples = 8}).train);
  options_.shots = 2;
  const Splits splits = load(3, {.train_examples = 8});
  EXPECT_EQ(splits.train.size(), 6);
  EXPECT_EQ(splits.available, 40);
  for (const auto& text : source_texts(splits.demonstrations)) EXPECT_THAT(cut, Contains(text));
  const Splits scored = load(3, {.train = false, .validation = false, .train_examples = 8});
  EXPECT_EQ(source_texts(scored.demonstrations), source_texts(splits.demonstrations))
      << "evaluation shows the same ones as training";
  EXPECT_EQ(scored.available, 0);
}

TEST_F(DemonstrationsTest, TooFewExamplesAreAnError) {
  folder_.write("train.jsonl", train_lines("t", 3));
  folder_.write("test.jsonl", train_lines("x", 3));
  options_.shots = 4;
  options_.validation.share = 0;
  EXPECT_THAT(message_of<DataError>([&] { (void)load(); }),
              HasSubstr("train.jsonl: has 3 examples, but task.shots is 4"));
}

}  // namespace
}  // namespace incipit::data
