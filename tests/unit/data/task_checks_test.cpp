#include "data/task_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

using incipit::testing::TemporaryFolder;
using incipit::testing::TinyModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TaskChecksTest : public ::testing::Test {
 protected:
  TaskChecksTest() {
    options_.data_dir = folder_.path().string();
    options_.train = "train.jsonl";
    options_.validation.share = 0;
    options_.source_template = "{text}";
    options_.verbalizer = {{"y", "Y"}, {"n", "N"}};
    write("train.jsonl", {"ant", "bee"});
  }
  void write(const std::string& name, const std::vector<std::string>& texts) const {
    std::string content;
    for (const auto& text : texts) content += R"({"label": "y", "text": ")" + text + "\"}\n";
    folder_.write(name, content);
  }
  std::vector<std::string> warnings(bool sum = true) const {
    Task task(options_, model_.task_model());
    const Splits splits = load_splits(task, 1, 0);
    return task_warnings(task, splits, sum);
  }

  TemporaryFolder folder_;
  TinyModel model_{{.adds_bos = false, .merges = {{"e", "Y"}}}};
  TaskOptions options_;
};

TEST_F(TaskChecksTest, GoodTasksRaiseNoWarning) {
  write("train.jsonl", {"ant", "cow"});
  EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(TaskChecksTest, JointTokenisationThatDiffersIsCounted) {
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("train.jsonl: for 1 of the first 2 records")));
}

TEST_F(TaskChecksTest, LabelsOfDifferentLengthMatterUnderASum) {
  write("train.jsonl", {"ant"});
  options_.verbalizer = {{"y", "Yes"}, {"n", "No"}};
  EXPECT_THAT(warnings(true), ElementsAre(HasSubstr("number of tokens ('Yes' 3, 'No' 2)")));
  EXPECT_THAT(warnings(false), IsEmpty());
}

TEST_F(TaskChecksTest, AVerbalizerThatBeginsAnotherIsNamed) {
  write("train.jsonl", {"ant"});
  options_.verbalizer = {{"y", "No"}, {"n", "Nor"}};
  EXPECT_THAT(warnings(true),
              ElementsAre(HasSubstr("'No' 2"), HasSubstr("'No' begin those of 'Nor'")));
}

TEST_F(TaskChecksTest, CutsSkipsAndOverlapsAreCounted) {
  folder_.write("train.jsonl", "{\"label\": \"y\", \"text\": \"ant\"}\n{\"text\"\n");
  write("test.jsonl", {"ant", "mosquito"});
  options_.test = "test.jsonl";
  options_.on_bad_record = OnBadRecord::kSkip;
  options_.on_overlap = OnOverlap::kWarn;
  options_.max_source_tokens = 5;
  options_.truncate.kind = TruncateOptions::Kind::kSourceHead;
  EXPECT_THAT(warnings(),
              ElementsAre(HasSubstr("train: 1 bad records"),
                          HasSubstr("test: 1 of 2 sources are longer than task.max_source_tokens"),
                          HasSubstr("1 of the 2 sources of test also occur in train")));
}

}  // namespace
}  // namespace incipit::data
