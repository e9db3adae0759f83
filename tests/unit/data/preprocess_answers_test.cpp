#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "data/preprocess.h"
#include "tests/support/errors.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using ::testing::HasSubstr;

Record with_answers(const std::string& json) {
  Record record(json, "pairs.jsonl", 4);
  preprocess(Preprocess::kAnswers, record);
  return record;
}

std::string refusal_of(const std::string& json) {
  return message_of<DataError>([&] { (void)with_answers(json); });
}

TEST(PreprocessAnswers, OfABetterAndAWorseOne) {
  const Record record = with_answers(R"({"question": "q", "better": "b", "worse": "a"})");
  EXPECT_EQ(record.json_text("answers"), R"(["b","a"])");
  EXPECT_EQ(record.json_text("right"), R"(["b"])");
}

TEST(PreprocessAnswers, OfBigBenchAreThoseWithScores) {
  const Record one = with_answers(R"({"input": "q", "target_scores": {"y": 0, "x": 1, "z": 1}})");
  EXPECT_EQ(one.json_text("answers"), R"(["x","y","z"])");
  EXPECT_EQ(one.json_text("right"), R"(["x","z"])");
  const Record task = with_answers(
      R"({"name": "t", "examples": [{"input": "p", "target_scores": {"a": 1, "b": 0}},
                                    {"input": "q", "target_scores": {"a": 0, "b": 0.5}}]})");
  EXPECT_EQ(task.list_size("examples.1.answers"), 2);
  EXPECT_EQ(task.text("examples.0.right.0"), "a");
  EXPECT_EQ(task.text("examples.1.right.0"), "b");
}

TEST(PreprocessAnswers, OtherRecordsAreRefused) {
  EXPECT_THAT(refusal_of(R"({"better": "b"})"), HasSubstr("pairs.jsonl:4: has neither better"));
  EXPECT_THAT(refusal_of(R"({"target_scores": {}})"), HasSubstr("target_scores is no object"));
  EXPECT_THAT(refusal_of(R"({"target_scores": {"a": "1"}})"), HasSubstr("that is no number"));
  EXPECT_THAT(refusal_of(R"({"examples": [{"input": "p"}]})"),
              HasSubstr("examples.0.target_scores is missing"));
}

}  // namespace
}  // namespace incipit::data
