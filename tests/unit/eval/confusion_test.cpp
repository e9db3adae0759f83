#include "eval/confusion.h"

#include <gtest/gtest.h>

#include <array>

namespace incipit::eval {
namespace {

// Expected values: scikit-learn's confusion_matrix and precision_recall_fscore_support.
TEST(Confusion, CountsAndShares) {
  constexpr std::array labels{0, 0, 0, 1, 1, 2};
  constexpr std::array predictions{0, 0, 1, 1, 0, 1};
  const Confusion confusion(4, predictions, labels);
  EXPECT_EQ(confusion.count(0, 0), 2);
  EXPECT_EQ(confusion.count(0, 1), 1);
  EXPECT_EQ(confusion.count(1, 0), 1);
  EXPECT_EQ(confusion.count(2, 1), 1);
  EXPECT_EQ(confusion.total(), 6);
  EXPECT_EQ(confusion.right(), 3);
  EXPECT_EQ(confusion.labelled(0), 3);
  EXPECT_EQ(confusion.predicted(1), 3);
  EXPECT_EQ(confusion.majority(), 0);
  EXPECT_DOUBLE_EQ(*confusion.precision(1), 1.0 / 3);
  EXPECT_DOUBLE_EQ(*confusion.recall(1), 0.5);
  EXPECT_DOUBLE_EQ(*confusion.f1(1), 0.4);
}

TEST(Confusion, AShareOfNothingIsNothing) {
  constexpr std::array labels{0, 2};
  constexpr std::array predictions{0, 0};
  const Confusion confusion(4, predictions, labels);
  EXPECT_FALSE(confusion.precision(2));  // never predicted
  EXPECT_EQ(confusion.recall(2), 0);
  EXPECT_EQ(confusion.f1(2), 0);
  EXPECT_FALSE(confusion.recall(1));  // does not occur
  EXPECT_FALSE(confusion.f1(3));
}

}  // namespace
}  // namespace incipit::eval
