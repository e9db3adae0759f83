#include "data/task_metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"

namespace incipit::data {
namespace {

using Labels = std::vector<int>;

TEST(Accuracy, IsTheShareOfRightPredictions) {
  EXPECT_DOUBLE_EQ(accuracy(Labels{0, 1, 1, 2}, Labels{0, 1, 2, 2}), 0.75);
  EXPECT_TRUE(std::isnan(accuracy(Labels{}, Labels{})));
}

TEST(MacroF1, IsTheUnweightedMeanOverLabels) {
  // Label 0 is predicted twice and right once of one; 1: right twice, three times predicted;
  // 2: right once, once predicted, three times true.
  EXPECT_DOUBLE_EQ(macro_f1(Labels{0, 0, 1, 1, 1, 2}, Labels{0, 2, 1, 1, 2, 2}),
                   (2.0 / 3 + 4.0 / 5 + 2.0 / 4) / 3);
}

TEST(MacroF1, CountsEveryLabelThatOccursAnywhere) {
  // As scikit-learn: label 1 is only predicted, label 2 only true; both have F1 0.
  EXPECT_DOUBLE_EQ(macro_f1(Labels{0, 1}, Labels{0, 2}), (1.0 + 0 + 0) / 3);
  EXPECT_DOUBLE_EQ(macro_f1(Labels{1, 1}, Labels{1, 1}), 1.0);
}

TEST(WilsonInterval, MatchesPublishedValues) {
  // Wilson score interval for 8 of 10 and 0 of 10 (Newcombe 1998, method 3).
  const Interval eight = wilson_interval(8, 10);
  EXPECT_NEAR(eight.low, 0.4902, 5e-4);
  EXPECT_NEAR(eight.high, 0.9433, 5e-4);
  const Interval none = wilson_interval(0, 10);
  EXPECT_DOUBLE_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.2775, 5e-4);
  EXPECT_DOUBLE_EQ(wilson_interval(5, 5).high, 1);
}

TEST(WilsonInterval, HalfWidthOfRtesValidationSet) {
  const Interval interval = wilson_interval(139, 277);
  EXPECT_NEAR((interval.high - interval.low) / 2, 0.059, 1e-3);
}

TEST(WilsonInterval, KnowsNothingWithoutExamples) {
  EXPECT_EQ(wilson_interval(0, 0).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

TEST(BinaryF1, IsThatOfTheSecondLabel) {
  // Label 1: predicted three times, labelled twice, both at once.
  EXPECT_DOUBLE_EQ(binary_f1(Labels{1, 1, 1, 0}, Labels{1, 0, 1, 0}), 2.0 * 2 / (3 + 2));
  EXPECT_DOUBLE_EQ(binary_f1(Labels{0, 0}, Labels{0, 0}), 0);
  EXPECT_DOUBLE_EQ(binary_f1(Labels{-1, 1}, Labels{1, 1}), 2.0 * 1 / (1 + 2));
}

TEST(MatthewsCorrelation, IsThatOfTheTwoByTwoTable) {
  // True positives 2, false positives 1, false negatives 1, true negatives 3.
  const Labels predicted{1, 1, 1, 0, 0, 0, 0};
  const Labels labelled{1, 1, 0, 1, 0, 0, 0};
  EXPECT_DOUBLE_EQ(matthews_correlation(predicted, labelled),
                   (2.0 * 3 - 1 * 1) / std::sqrt(3.0 * 3 * 4 * 4));
  EXPECT_DOUBLE_EQ(matthews_correlation(Labels{1, 0}, Labels{0, 1}), -1);
}

TEST(MatthewsCorrelation, IsZeroWhereItIsUndefined) {
  EXPECT_EQ(matthews_correlation(Labels{1, 1, 1}, Labels{1, 0, 1}), 0);
  EXPECT_EQ(matthews_correlation(Labels{1, 0}, Labels{1, 1}), 0);
}

TEST(ComputeMetric, AnswersThatAreNoLabelAreWrong) {
  EXPECT_DOUBLE_EQ(accuracy(Labels{-1, 1}, Labels{-1, 1}), 0.5) << "nothing is known to be right";
  EXPECT_DOUBLE_EQ(macro_f1(Labels{-1, 1}, Labels{0, 1}), (0 + 0 + 1.0) / 3);
  Answers answers;
  answers.predictions = {-1, -1, 0, 0};
  EXPECT_DOUBLE_EQ(compute_metric("gender_parity", answers).value, 0.5);
}

TEST(ComputeMetric, AGroupIsRightWhereAllOfItIs) {
  Answers answers;
  answers.labels = {0, 1, 1, 0, 1, 1};
  answers.predictions = {0, 1, 1, 1, 1, 0};
  answers.groups = {"q1", "q2", "q1", "q2", "", ""};
  const MetricValue found = compute_metric("group_exact_match", answers);
  EXPECT_EQ(found.of, 4) << "two questions and two ungrouped answers";
  EXPECT_DOUBLE_EQ(found.value, 2.0 / 4) << "q1 and the first ungrouped answer";
}

TEST(ComputeMetric, ParityIsOfNeighbouringPairs) {
  Answers answers;
  answers.predictions = {0, 0, 1, 0, 1, 1, 1};
  const MetricValue found = compute_metric("gender_parity", answers);
  EXPECT_EQ(found.of, 3);
  EXPECT_DOUBLE_EQ(found.value, 2.0 / 3);
}

TEST(ComputeMetric, TextsAreComparedWithTheBestReference) {
  Answers answers;
  answers.texts = {"the Old Mill.", "north quay"};
  answers.references = {{"mill", "old mill"}, {"the quay", "harbour"}};
  // "quay" of two words answered and one asked for: precision 1/2, recall 1.
  EXPECT_DOUBLE_EQ(compute_metric("text_f1", answers).value, (1 + 2.0 / 3) / 2);
  const MetricValue exact = compute_metric("text_exact_match", answers);
  EXPECT_DOUBLE_EQ(exact.value, 0.5);
  EXPECT_EQ(exact.of, 2);
}

TEST(ComputeMetric, KnowsEveryNameItLists) {
  Answers right;
  right.predictions = {0, 1, 1, 1};
  right.labels = {0, 1, 1, 1};
  right.groups = {"a", "a", "b", "b"};
  right.texts = {"x 1 a b", "y 2 a b", "z 3 a b", "w 4 a b"};
  right.references = {{"x 1 a b"}, {"y 2 a b"}, {"z 3 a b"}, {"v 5 a b", "w 4 a b"}};
  for (const auto& name : metric_names()) {
    if (name == kLoss) continue;  // is computed from the model
    if (name == kEntityF1) {      // its texts are lists of entities
      const std::string entities = R"([{"start":0,"end":1,"label":"a"}])";
      right.texts.assign(4, entities);
      right.references.assign(4, {entities});
    }
    const MetricValue found = compute_metric(name, right);
    EXPECT_DOUBLE_EQ(found.value, name == "gender_parity" ? 0.5 : 1.0) << name;
    EXPECT_EQ(found.of > 0, is_share(name)) << name;
    EXPECT_TRUE(std::isnan(compute_metric(name, {}).value)) << name;
  }
  EXPECT_THROW((void)compute_metric("meteor", right), LogicError);
}

TEST(OverallScore, CountsATaskWithTwoMetricsAsTheirMean) {
  const std::vector<std::vector<double>> tasks{{0.5}, {0.2, 0.4}, {1.0}};
  EXPECT_DOUBLE_EQ(overall_score(tasks), (0.5 + 0.3 + 1.0) / 3);
  EXPECT_TRUE(std::isnan(overall_score({})));
}

}  // namespace
}  // namespace incipit::data
