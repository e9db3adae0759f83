#include "data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

using incipit::testing::byte_ids;
using incipit::testing::message_of;
using incipit::testing::TemporaryFolder;
using incipit::testing::TinyModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Indices = std::vector<std::int64_t>;

std::string line(const std::string& text, const std::string& label) {
  return R"({"text": ")" + text + R"(", "label": ")" + label + "\"}\n";
}

// Lines "PREFIX0", "PREFIX1", ... labelled y and n in turn.
std::string lines(const std::string& prefix, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += line(prefix + std::to_string(i), i % 2 == 0 ? "y" : "n");
  return out;
}

class DatasetTest : public ::testing::Test {
 protected:
  DatasetTest() {
    options_.data_dir = folder_.path().string();
    options_.train = "train.jsonl";
    options_.test = "test.jsonl";
    options_.source_template = "{text}:";
    options_.verbalizer = {{"y", "Y"}, {"n", "N"}};
  }
  Task task() const { return {options_, model_.task_model()}; }
  Splits load(std::uint64_t seed = 1, const WhichSplits& which = {}) const {
    Task t = task();
    return load_splits(t, seed, 0, which);
  }
  Dataset read(const std::string& content, bool labelled = true) const {
    return read_dataset(task(), folder_.write("a.jsonl", content), labelled);
  }

  TemporaryFolder folder_;
  TinyModel model_;
  TaskOptions options_;
};

std::vector<std::string> texts(const Dataset& split) {
  std::vector<std::string> out;
  for (const Example& e : split) out.emplace_back(e.source.begin(), e.source.end() - 1);
  return out;
}

TEST_F(DatasetTest, HoldsExamplesInFileOrder) {
  const Dataset d = read(line("cow", "y") + "\n" + line("hen", "n"));
  ASSERT_EQ(d.size(), 2);
  EXPECT_EQ(d[1].source, byte_ids("hen:"));
  EXPECT_EQ(d[1].line, 3);
  EXPECT_EQ(d[1].id, "1") << "without an id field, the record's number";
  EXPECT_TRUE(d.labelled());
  EXPECT_THAT(d.lengths(), ElementsAre(5, 5));
  EXPECT_THAT(d.groups(), ElementsAre(0, 1));
}

TEST_F(DatasetTest, GroupsFollowTheGroupField) {
  options_.group_field = "g.id";
  const auto row = [](int group) {
    return R"({"text": "t", "label": "y", "g": {"id": )" + std::to_string(group) + "}}\n";
  };
  EXPECT_THAT(read(row(7) + row(3) + row(7) + row(5)).groups(), ElementsAre(0, 1, 0, 2));
}

TEST_F(DatasetTest, UnlabelledFilesAreReadWhereLabelsAreNotNeeded) {
  const std::string unlabelled = "{\"text\": \"cow\"}\n";
  EXPECT_FALSE(read(unlabelled, false).labelled());
  EXPECT_THAT(message_of<DataError>([&] { (void)read(unlabelled, true); }),
              HasSubstr("a.jsonl:1: the record has no field 'label'"));
  EXPECT_THAT(message_of<DataError>([&] { (void)read(line("hen", "y") + unlabelled, false); }),
              HasSubstr("a.jsonl:2: the record has no label, unlike those before it"));
}

TEST_F(DatasetTest, BadRecordsAreSkippedOnRequestAndCounted) {
  const std::string content = line("cow", "y") + "{\"text\": \"cut of\n" + line("hen", "maybe") +
                              "{\"label\": \"y\"}\n" + line("ox", "n");
  EXPECT_THAT(message_of<DataError>([&] { (void)read(content); }), HasSubstr("a.jsonl:2: "));
  options_.on_bad_record = OnBadRecord::kSkip;
  options_.max_bad_records = 3;
  const Dataset d = read(content);
  EXPECT_THAT(texts(d), ElementsAre("cow", "ox"));
  EXPECT_EQ(d.skipped(), 3);
  EXPECT_EQ(d[1].id, "4");
  options_.max_bad_records = 2;
  EXPECT_THAT(message_of<DataError>([&] { (void)read(content); }),
              AllOf(HasSubstr("a.jsonl:4: "), HasSubstr("task.max_bad_records")));
}

TEST_F(DatasetTest, AnEmptyFileIsAnError) {
  EXPECT_THAT(message_of<DataError>([&] { (void)read("\n"); }), HasSubstr("has no usable records"));
}

TEST_F(DatasetTest, TablesAreReadAsJsonLinesAre) {
  const Dataset table = read_dataset(
      task(), folder_.write("a.csv", "idx;text;label\r\n7;\"one; two\";y\r\n8;\"a\nb\";n\r\n"),
      true);
  ASSERT_EQ(table.size(), 2);
  EXPECT_EQ(table[0].source, byte_ids("one; two:"));
  EXPECT_EQ(table[0].label, 0);
  EXPECT_EQ(table[1].source, byte_ids("a\nb:"));
  EXPECT_EQ(table[1].id, "\"8\"");
  EXPECT_EQ(table[1].line, 3);
  EXPECT_THAT(message_of<DataError>([&] {
                (void)read_dataset(task(), folder_.write("b.tsv", "text\tlabel\n"), true);
              }),
              HasSubstr("b.tsv: has no usable records; expected a row with column names"));
}

TEST_F(DatasetTest, CutsAreCounted) {
  options_.max_source_tokens = 4;
  options_.truncate = {TruncateOptions::Kind::kField, "text"};
  const Dataset d = read(line("cow", "y") + line("raven", "n") + line("heron", "n"));
  EXPECT_EQ(d.truncated(), 2);
  EXPECT_THAT(texts(d), ElementsAre("cow", "rav", "her"));
}

TEST_F(DatasetTest, FingerprintTellsTextsAndBoundariesApart) {
  const auto print = [&](const std::string& content) { return read(content).fingerprint(); };
  EXPECT_EQ(print(line("cow", "y")), print(line("cow", "y")));
  EXPECT_NE(print(line("cow", "y")), print(line("cow", "n")));
  EXPECT_NE(print(line("cow", "y") + line("hen", "y")), print(line("hen", "y") + line("cow", "y")));
}

// --- splits -----------------------------------------------------------------------------

TEST_F(DatasetTest, ValidationIsASeededShareOfTrain) {
  folder_.write("train.jsonl", lines("t", 40));
  folder_.write("test.jsonl", lines("x", 3));
  options_.validation.share = 0.25;
  const Splits a = load(1);
  EXPECT_EQ(a.train.size(), 30);
  EXPECT_EQ(a.validation.size(), 10);
  EXPECT_EQ(a.test.size(), 3);
  std::set<std::string> all;
  for (const Dataset* split : {&a.train, &a.validation}) {
    for (const auto& text : texts(*split)) EXPECT_TRUE(all.insert(text).second) << text;
  }
  EXPECT_EQ(all.size(), 40u);
  EXPECT_EQ(texts(a.validation), texts(load(1).validation));
  EXPECT_NE(texts(a.validation), texts(load(2).validation));
  for (std::int64_t i = 1; i < a.train.size(); ++i) EXPECT_LT(a.train[i - 1].line, a.train[i].line);
}

TEST_F(DatasetTest, ValidationMayBeAFileOrNothing) {
  folder_.write("train.jsonl", lines("t", 4));
  folder_.write("test.jsonl", lines("x", 3));
  folder_.write("dev.jsonl", lines("d", 2));
  options_.validation = {.file = "dev.jsonl", .share = 0};
  EXPECT_THAT(texts(load().validation), ElementsAre("d0", "d1"));
  options_.validation = {.file = "", .share = 0};
  EXPECT_TRUE(load().validation.empty());
  EXPECT_EQ(load().train.size(), 4);
}

TEST_F(DatasetTest, OnlyTheSplitsAskedForAreRead) {
  folder_.write("test.jsonl", lines("x", 3));
  EXPECT_EQ(load(1, {.train = false, .validation = false, .test = true}).test.size(), 3);
  EXPECT_THAT(message_of<DataError>([&] { (void)load(); }), HasSubstr("train.jsonl"));
  options_.train.clear();
  EXPECT_THAT(message_of<ConfigError>([&] { (void)load(); }), StartsWith("task.train: is missing"));
}

TEST_F(DatasetTest, ValidationIsTheSameWhetherOrNotTrainIsAskedFor) {
  folder_.write("train.jsonl", lines("t", 40));
  const auto whole = load(1, {.train = true, .validation = true, .test = false});
  const auto alone = load(1, {.train = false, .validation = true, .test = false});
  EXPECT_EQ(texts(whole.validation), texts(alone.validation));
  EXPECT_TRUE(alone.train.empty());
}

TEST_F(DatasetTest, OverlapIsFoundByContentAndCountedOnRequest) {
  folder_.write("train.jsonl", lines("t", 4) + line("same", "y"));
  folder_.write("dev.jsonl", line("same", "n") + line("other", "y"));
  folder_.write("test.jsonl", line("t0", "y") + line("t1", "y") + line("other", "y"));
  options_.validation = {.file = "dev.jsonl", .share = 0};
  options_.on_overlap = OnOverlap::kWarn;
  const Splits splits = load();
  EXPECT_EQ(splits.validation_in_train, 1);
  EXPECT_EQ(splits.test_in_train, 2);
  EXPECT_EQ(splits.test_in_validation, 1);
}

TEST_F(DatasetTest, SplitsThatOverlapAreRefused) {
  folder_.write("train.jsonl", lines("t", 9));
  folder_.write("test.jsonl", lines("x", 3) + line("t4", "n") + line("t6", "y"));
  const auto refusal = [&] { return message_of<DataError>([&] { (void)load(); }); };
  options_.validation.share = 0;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("test.jsonl:4: 2 of 5 examples also occur in "),
                               HasSubstr("train.jsonl (line 4 = line 5, line 5 = line 7), so "
                                         "task.train and task.test overlap"),
                               HasSubstr("task.on_overlap: warn")));
  folder_.write("test.jsonl", lines("x", 3));
  folder_.write("dev.jsonl", lines("t", 5));
  options_.validation = {.file = "dev.jsonl", .share = 0};
  EXPECT_THAT(refusal(), HasSubstr("(line 1 = line 1, line 2 = line 2, line 3 = line 3, ...), so "
                                   "task.train and task.validation overlap"));
  folder_.write("dev.jsonl", line("x2", "n"));
  EXPECT_THAT(refusal(), HasSubstr("task.validation and task.test overlap"));
  options_.on_overlap = OnOverlap::kWarn;
  EXPECT_EQ(load().test_in_validation, 1);
}

TEST_F(DatasetTest, ADemonstrationIsNotOfTheTestSplitEither) {
  folder_.write("train.jsonl", line("same", "y"));
  folder_.write("test.jsonl", line("same", "y"));
  options_.validation.share = 0;
  options_.shots = 1;
  EXPECT_THAT(message_of<DataError>(
                  [&] { (void)load(1, {.train = false, .validation = false, .test = true}); }),
              HasSubstr("task.train and task.test overlap"));
}

TEST_F(DatasetTest, ExamplesOfOneTextStayTogetherWhenAShareIsDrawn) {
  std::string content;
  for (int i = 0; i < 40; ++i) content += line("t" + std::to_string(i % 20), i < 20 ? "y" : "n");
  folder_.write("train.jsonl", content);
  folder_.write("test.jsonl", lines("x", 3));
  options_.validation.share = 0.3;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Splits splits = load(seed);
    EXPECT_EQ(splits.validation.size(), 12);
    EXPECT_EQ(splits.train.size(), 28);
    EXPECT_EQ(splits.validation_in_train, 0);
  }
}

TEST_F(DatasetTest, ValidationOnTheTestFileIsRefused) {
  folder_.write("train.jsonl", lines("t", 9));
  const auto test = folder_.write("test.jsonl", lines("x", 3));
  std::filesystem::create_symlink(test, folder_ / "symbolic.jsonl");
  std::filesystem::create_hard_link(test, folder_ / "hard.jsonl");
  options_.on_overlap = OnOverlap::kWarn;
  const auto refusal = [&] { return message_of<ConfigError>([&] { (void)load(); }); };
  for (const char* name : {"test.jsonl", "./test.jsonl", "symbolic.jsonl", "hard.jsonl"}) {
    options_.validation = {.file = name, .share = 0};
    EXPECT_THAT(refusal(), AllOf(StartsWith("task.validation: is "), HasSubstr("the same file")));
  }
  options_.validation = {.file = "", .share = 0.1};
  options_.train = "hard.jsonl";
  EXPECT_THAT(refusal(), StartsWith("task.validation: is a share of "));
}

TEST_F(DatasetTest, ValidationIsAskedAsTestIsWhereTrainingSeesOnlyAPart) {
  std::string content;
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    content += R"({"kind": "plain", "text": "t)" + n + R"(", "label": "y"})" + "\n";
    content += R"({"kind": "odd", "text": "u)" + n + R"(", "label": "n"})" + "\n";
  }
  folder_.write("train.jsonl", content);
  folder_.write("test.jsonl", lines("x", 3));
  options_.train_where = {{"kind", "plain"}};
  options_.validation.share = 0.5;
  const Splits splits = load();
  EXPECT_EQ(splits.validation.size(), 20);
  std::set<std::string> seen;
  std::int64_t odd = 0;
  for (const auto& text : texts(splits.validation)) {
    EXPECT_TRUE(seen.insert(text).second);
    odd += text[0] == 'u' ? 1 : 0;
  }
  EXPECT_GT(odd, 0);
  EXPECT_EQ(splits.train.size(), 20 - (20 - odd));
  for (const auto& text : texts(splits.train)) {
    EXPECT_EQ(text[0], 't');
    EXPECT_TRUE(seen.insert(text).second) << text;
  }
}

// --- views ------------------------------------------------------------------------------

TEST_F(DatasetTest, AViewOfAViewShowsItsExamples) {
  const Dataset d = read(lines("t", 6));
  const Dataset part = d.subset({5, 3, 1}).subset({2, 0});
  EXPECT_THAT(texts(part), ElementsAre("t1", "t5"));
  EXPECT_EQ(part.facts(1).line, 6);
  const auto source = part.source(1);
  EXPECT_EQ(std::vector<TokenId>(source.begin(), source.end()), byte_ids("t5:"));
  EXPECT_EQ(part.fingerprint(), d.subset({1, 5}).fingerprint());
  EXPECT_NE(part.fingerprint(), d.subset({5, 1}).fingerprint());
  EXPECT_TRUE(d.subset({}).empty());
  EXPECT_FALSE(d.subset({}).labelled());
}

TEST_F(DatasetTest, AViewOutlivesTheDatasetItIsOf) {
  Dataset part;
  {
    const Dataset d = read(lines("t", 6));
    part = d.subset({4});
  }
  EXPECT_THAT(texts(part), ElementsAre("t4"));
}

TEST_F(DatasetTest, ExamplesOfOneRecordAreAGroup) {
  std::vector<Example> examples(5);
  for (const int i : {0, 1, 2, 3, 4}) examples[i].line = i < 3 ? 1 : i;
  EXPECT_THAT(Dataset("a", examples, 0).groups(), ElementsAre(0, 0, 0, 1, 2));
  examples[1].group = "own";
  examples[4].group = "own";
  EXPECT_THAT(Dataset("a", examples, 0).groups(), ElementsAre(0, 1, 2, 3, 1));
}

TEST_F(DatasetTest, SequencesLongerThanTheModelAreRefusedByLine) {
  folder_.write("train.jsonl", lines("t", 4));
  folder_.write("test.jsonl", line("cow", "y") + line("hippopotamus", "n"));
  TaskModel model = model_.task_model();
  model.max_positions = 20;
  Task t(options_, model);
  EXPECT_NO_THROW((void)load_splits(t, 1, 7));
  EXPECT_THAT(message_of<DataError>([&] { (void)load_splits(t, 1, 8); }),
              HasSubstr("test.jsonl:2: needs 21 positions (13 tokens of source, 8 rows of soft "
                        "prompt), the model has 20"));
}

TEST(DrawShare, MovesWholeGroups) {
  const Indices groups = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3};
  const Indices drawn = draw_share(groups, 0.3, 9);
  EXPECT_EQ(drawn.size(), 6u);
  EXPECT_TRUE(std::is_sorted(drawn.begin(), drawn.end()));
  for (const auto index : drawn) {
    for (std::int64_t i = 0; i < 12; ++i) {
      if (groups[i] == groups[index]) {
        EXPECT_THAT(drawn, ::testing::Contains(i));
      }
    }
  }
}

TEST(DrawShare, TakesAtLeastOne) { EXPECT_EQ(draw_share({0, 1, 2}, 0.01, 1).size(), 1u); }

// --- paths ------------------------------------------------------------------------------

class DataPathTest : public ::testing::Test {
 protected:
  DataPathTest() : start_(std::filesystem::current_path()) {
    if (const char* value = std::getenv("INCIPIT_SHARED")) before_ = value;
    std::filesystem::create_directories(folder_ / "clone");
    std::filesystem::current_path(folder_ / "clone");
    ::setenv("INCIPIT_SHARED", "/elsewhere", 1);
  }
  ~DataPathTest() override {
    std::filesystem::current_path(start_);
    if (before_.empty()) {
      ::unsetenv("INCIPIT_SHARED");
    } else {
      ::setenv("INCIPIT_SHARED", before_.c_str(), 1);
    }
  }
  static std::string path(const std::string& dir, const std::string& file) {
    TaskOptions options;
    options.data_dir = dir;
    return data_path(options, file).string();
  }

  TemporaryFolder folder_;
  std::filesystem::path start_;
  std::string before_;
};

TEST_F(DataPathTest, FilesAreBelowDataDirOrAbsolute) {
  EXPECT_EQ(path("data", "train.jsonl"), "data/train.jsonl");
  EXPECT_EQ(path("", "train.jsonl"), "train.jsonl");
  EXPECT_EQ(path("data", "/x/train.jsonl"), "/x/train.jsonl");
}

TEST_F(DataPathTest, SharedFolderCanBeElsewhere) {
  EXPECT_EQ(path("../shared/data/RTE", "train.jsonl"), "/elsewhere/data/RTE/train.jsonl");
  EXPECT_EQ(path("../other", "train.jsonl"), "../other/train.jsonl");
  std::filesystem::create_directories(folder_ / "shared");
  EXPECT_EQ(path("../shared/data/RTE", "train.jsonl"), "../shared/data/RTE/train.jsonl");
}

TEST_F(DataPathTest, WithoutTheVariableThePathStays) {
  ::unsetenv("INCIPIT_SHARED");
  EXPECT_EQ(path("../shared/data/RTE", "train.jsonl"), "../shared/data/RTE/train.jsonl");
}

TEST_F(DatasetTest, FewerTrainingExamplesArePartOfMore) {
  options_.validation = {"", 0};
  folder_.write("train.jsonl", lines("train", 40));
  folder_.write("test.jsonl", lines("test", 2));
  std::vector<std::string> fewer;
  for (const std::int64_t count : {2, 7, 16, 40}) {
    const Splits splits = load(3, {.train_examples = count});
    EXPECT_EQ(splits.train.size(), count);
    EXPECT_EQ(splits.available, 40);
    const std::vector<std::string> drawn = texts(splits.train);
    const std::set<std::string> more(drawn.begin(), drawn.end());
    for (const std::string& text : fewer) EXPECT_TRUE(more.contains(text)) << text;
    EXPECT_EQ(drawn, texts(load(3, {.train_examples = count}).train));
    const auto yes = std::count_if(splits.train.begin(), splits.train.end(),
                                   [](const Example& example) { return example.label == 0; });
    EXPECT_NEAR(static_cast<double>(yes), static_cast<double>(count) / 2, 1);
    fewer = drawn;
  }
  EXPECT_EQ(load(3).train.size(), 40);
  EXPECT_NE(texts(load(3, {.train_examples = 16}).train),
            texts(load(4, {.train_examples = 16}).train));
  EXPECT_TRUE(load(3, {.train = false, .train_examples = 16}).train.empty());
}

TEST_F(DatasetTest, AnImpossibleNumberOfTrainingExamplesIsRefused) {
  options_.validation = {"", 0};
  folder_.write("train.jsonl", lines("train", 40));
  folder_.write("test.jsonl", lines("test", 2));
  for (const std::int64_t count : {1, 41}) {
    EXPECT_THAT(
        message_of<ConfigError>([&] { (void)load(3, {.train_examples = count}); }),
        AllOf(StartsWith("train.examples: must be between 2 (one of each label) and 40 (the "
                         "training examples of "),
              HasSubstr("train.jsonl), or 0 for all, is " + std::to_string(count))));
  }
}

}  // namespace
}  // namespace incipit::data
