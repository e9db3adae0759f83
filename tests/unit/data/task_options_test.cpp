#include "data/task_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace incipit::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TaskOptions valid() {
  TaskOptions options;
  options.source_template = "{text} Good?";
  options.verbalizer = {{"true", " Yes"}, {"false", " No"}};
  return options;
}

auto problem(const std::string& key, const std::string& message) {
  return AllOf(Field(&OptionProblem::key, key), Field(&OptionProblem::message, HasSubstr(message)));
}

TEST(TaskOptions, TemplateAndVerbalizerSuffice) { EXPECT_THAT(validate(valid()), ElementsAre()); }

TEST(TaskOptions, WhatIsMissingIsReportedAtOnce) {
  EXPECT_THAT(validate(TaskOptions{}),
              UnorderedElementsAre(problem("template", "is missing"),
                                   problem("verbalizer", "is missing: give the text")));
}

TEST(TaskOptions, ValuesOutOfRangeAreReportedAtOnce) {
  TaskOptions options = valid();
  options.max_source_tokens = -1;
  options.shots = -2;
  options.max_bad_records = -3;
  options.select.share = 1;
  EXPECT_THAT(validate(options),
              UnorderedElementsAre(problem("max_source_tokens", "must be at least 0, is -1"),
                                   problem("shots", "is -2"), problem("max_bad_records", "is -3"),
                                   problem("select", "a share of train in [0, 1)")));
}

TEST(TaskOptions, BrokenTemplateNamesThePosition) {
  TaskOptions options = valid();
  options.source_template = "A {text";
  EXPECT_THAT(validate(options), ElementsAre(problem("template", "'{' at position 2")));
}

TEST(TaskOptions, CutFieldMustBeInTheTemplate) {
  TaskOptions options = valid();
  options.truncate = {TruncateOptions::Kind::kField, "txet"};
  EXPECT_THAT(validate(options),
              ElementsAre(problem("truncate.field",
                                  "'txet' is no field of the template, which has text; did you "
                                  "mean 'text'?")));
}

TEST(TaskOptions, VerbalizerNamesExactlyTheTasksLabels) {
  TaskOptions options = valid();
  options.labels = {"true", "unsure"};
  EXPECT_THAT(validate(options),
              UnorderedElementsAre(problem("verbalizer.false", "is no label of this task"),
                                   problem("verbalizer", "has no text for the label 'unsure'")));
}

TEST(TaskOptions, VerbalizerNeedsTwoDifferentLabelsWithTexts) {
  TaskOptions options = valid();
  options.verbalizer = {{"a", ""}};
  EXPECT_THAT(validate(options), UnorderedElementsAre(problem("verbalizer.a", "is empty"),
                                                      problem("verbalizer", "has one label")));
  options.verbalizer = {{"a", " x"}, {"a", " y"}};
  EXPECT_THAT(validate(options), ElementsAre(problem("verbalizer.a", "occurs twice")));
}

TEST(TaskOptions, TargetStandsInPlaceOfAVerbalizer) {
  TaskOptions options = valid();
  options.target = "{answer}";
  EXPECT_THAT(validate(options), ElementsAre(problem("target", "beside a verbalizer")));
  options.verbalizer.clear();
  EXPECT_THAT(validate(options), ElementsAre());
  options.target = "{answer";
  EXPECT_THAT(validate(options), ElementsAre(problem("target", "'{' at position 0")));
}

TEST(TaskOptions, KeysThatNeedOthersSaySo) {
  TaskOptions options = valid();
  options.shots = 2;
  options.system = "Be brief.";
  options.metrics = {"acuracy"};
  EXPECT_THAT(validate(options),
              UnorderedElementsAre(problem("shots", "needs `train`"),
                                   problem("system", "needs `format: chat`"),
                                   problem("metrics", "did you mean 'accuracy'?")));
}

}  // namespace
}  // namespace incipit::data
