#include "data/task_options.h"

#include "data/task_metrics.h"

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
  options.validation.share = 1;
  EXPECT_THAT(validate(options),
              UnorderedElementsAre(problem("max_source_tokens", "must be at least 0, is -1"),
                                   problem("shots", "is -2"), problem("max_bad_records", "is -3"),
                                   problem("validation", "a share of train in [0, 1)")));
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

TEST(TaskOptions, CandidatesNeedTheirListAndATextThatTellsThemApart) {
  TaskOptions options = valid();
  options.verbalizer.clear();
  options.candidates.foreach = "names";
  EXPECT_THAT(validate(options), ElementsAre(problem("candidates.text", "is missing")));
  options.candidates.text = " {name}";
  EXPECT_THAT(validate(options), ElementsAre(problem("candidates.text", "no field {candidate}")));
  options.candidates.text = " {candidate.text} of {name}";
  EXPECT_THAT(validate(options), ElementsAre());
  options.labels = {"a", "b"};
  options.metrics = {"macro_f1"};
  EXPECT_THAT(validate(options), ElementsAre(problem("labels", "needs a verbalizer")));
}

TEST(TaskOptions, AnswersComeFromOnePlace) {
  TaskOptions options = valid();
  options.candidates = {.foreach = "names", .text = "{candidate}", .label = "{candidate}"};
  EXPECT_THAT(validate(options), ElementsAre(problem("candidates", "combined with a verbalizer")));
  options.verbalizer.clear();
  options.target = "{text}";
  EXPECT_THAT(validate(options), ElementsAre(problem("target", "combined with candidates")));
}

TEST(TaskOptions, WhatIsGeneratedCannotBeScored) {
  TaskOptions options = valid();
  options.verbalizer.clear();
  options.target = "{text}";
  options.answer = Answer::kScore;
  options.score = Score::kPmi;
  EXPECT_THAT(validate(options), UnorderedElementsAre(problem("answer", "to choose from"),
                                                      problem("score", "to choose from")));
}

TEST(TaskOptions, PlacesOfExamplesAreLinesWithParts) {
  EXPECT_EQ(read_place("12"), (ExamplePlace{12, 0}));
  EXPECT_EQ(read_place("3:2"), (ExamplePlace{3, 2}));
  for (const char* text : {"", "0", "-1", "x", "3:", "3:-1", "3:1:1", "1.5"}) {
    EXPECT_EQ(read_place(text), std::nullopt) << text;
  }
  EXPECT_EQ(place_text({12, 0}), "12");
  EXPECT_EQ(place_text({3, 2}), "3:2");
  TaskOptions options = valid();
  options.train = "train.jsonl";
  options.shots = 3;
  options.shot_lines.places = {{1, 0}, {2, 0}};
  EXPECT_THAT(validate(options),
              ElementsAre(problem("shot_lines", "lists 2 examples, but task.shots is 3")));
}

TEST(TaskOptions, AReferentIsOneOfTwoLabels) {
  TaskOptions options = valid();
  options.answer_rule = AnswerRule::kReferent;
  EXPECT_THAT(validate(options), ElementsAre(problem("answer_rule", "needs `target`")));
  options.verbalizer.clear();
  options.target = "{text}";
  EXPECT_THAT(validate(options), ElementsAre(problem("labels", "referent needs two")));
  options.labels = {"false", "true"};
  EXPECT_THAT(validate(options), ElementsAre());
  options.answer_rule = AnswerRule::kExact;
  EXPECT_THAT(validate(options), ElementsAre(problem("labels", "needs a verbalizer")));
}

TEST(TaskOptions, MetricsNeedWhatTheyCompareWith) {
  TaskOptions options = valid();
  options.metrics = {"group_exact_match", "text_f1", "text_exact_match"};
  EXPECT_THAT(validate(options),
              UnorderedElementsAre(problem("metrics", "group_exact_match needs metric_group"),
                                   problem("metrics", "text_f1 needs references"),
                                   problem("metrics", "text_exact_match needs references")));
  options = valid();
  options.verbalizer.push_back({"unsure", " Hm"});
  options.metrics = {"f1", "loss", "f1"};
  EXPECT_THAT(validate(options), UnorderedElementsAre(problem("metrics", "f1 needs two labels"),
                                                      problem("metrics", "f1 needs two labels"),
                                                      problem("metrics", "f1 is given twice"),
                                                      problem("metrics", "loss needs a target")));
}

TEST(TaskOptions, FreeAnswersAreNotComparedWithLabels) {
  TaskOptions options = valid();
  options.verbalizer.clear();
  options.target = "{text}";
  EXPECT_EQ(metrics_of(options), (std::vector<std::string>{"text_f1", "text_exact_match"}));
  options.metrics = {"loss", "text_exact_match", "text_f1", "numeric_match", "rouge_l", "bleu",
                     "chrf"};
  EXPECT_THAT(validate(options), ElementsAre());
  for (const char* name : {"accuracy", "macro_f1", "f1", "matthews_correlation", "gender_parity",
                           "group_exact_match"}) {
    options.metrics = {name};
    EXPECT_THAT(validate(options),
                ElementsAre(problem("metrics", std::string(name) + " needs labels or candidates")));
  }
}

TEST(TaskOptions, NamesOfNestedRecordsAreWordsAndOccurOnce) {
  TaskOptions options = valid();
  options.foreach = {{"a.b", "x"}, {"candidate", "y"}, {"q", "z"}};
  options.train_foreach = {{"q", "z"}, {"r", ""}};
  options.train_where = {{"", "v"}};
  options.id_fields = {"idx", ""};
  EXPECT_THAT(
      validate(options),
      UnorderedElementsAre(
          problem("foreach.a.b", "one word"), problem("foreach.candidate", "name of `candidates`"),
          problem("train_foreach.q", "names two lists"), problem("train_foreach.r", "is empty"),
          problem("train_where", "an empty field"), problem("id_field", "is empty")));
}

TEST(TaskOptions, NestedSubmissionsNeedThreeIds) {
  TaskOptions options = valid();
  options.submission.form = SubmissionOptions::Form::kNested;
  EXPECT_THAT(validate(options), ElementsAre(problem("submission.form", "three fields")));
}

TEST(TaskOptions, FiltersAreCheckedWhereverTheyStand) {
  TaskOptions options = valid();
  options.source_template = "{text|lower} {text}";
  options.verbalizer[0].text = "{text|map()}";
  EXPECT_THAT(validate(options),
              UnorderedElementsAre(problem("template", "'lower' is no filter"),
                                   problem("verbalizer.true", "map names no value")));
  options = valid();
  options.source_template = "{text|lower_first} {text}";
  options.truncate = {TruncateOptions::Kind::kField, "text"};
  EXPECT_THAT(validate(options), ElementsAre(problem("truncate.field", "different filters")));
}

TEST(TaskOptions, TargetStandsInPlaceOfAVerbalizer) {
  TaskOptions options = valid();
  options.target = "{answer}";
  EXPECT_THAT(validate(options), ElementsAre(problem("target", "combined with a verbalizer")));
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
