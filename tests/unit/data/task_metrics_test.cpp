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

TEST(ComputeMetric, KnowsEveryNameItLists) {
  for (const auto& name : metric_names()) {
    EXPECT_DOUBLE_EQ(compute_metric(name, Labels{0, 1}, Labels{0, 1}), 1.0) << name;
  }
  EXPECT_THROW((void)compute_metric("bleu", Labels{0}, Labels{0}), LogicError);
}

}  // namespace
}  // namespace incipit::data
