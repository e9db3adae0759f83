#include "eval/sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace incipit::eval {
namespace {

constexpr int kDraws = 40000;

std::vector<double> frequencies(const std::vector<float>& logits, double temperature,
                                double top_p) {
  Random random(7);
  std::vector<double> counts(logits.size());
  for (int i = 0; i < kDraws; ++i) ++counts[sample_token(logits, temperature, top_p, random)];
  for (double& count : counts) count /= kDraws;
  return counts;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    // Five standard deviations of a share of kDraws; what has no probability is never drawn.
    const double p = expected[i];
    EXPECT_NEAR(found[i], p, 5 * std::sqrt(p * (1 - p) / kDraws)) << "token " << i;
  }
}

// Logits whose probabilities at temperature 1 are these.
const std::vector<double> kShares = {0.1, 0.4, 0.05, 0.3, 0.15};
std::vector<float> logits() {
  std::vector<float> logits;
  for (const double share : kShares) logits.push_back(static_cast<float>(std::log(share) + 3));
  return logits;
}

TEST(SampleToken, DrawsFromTheSoftmax) { expect_near(frequencies(logits(), 1, 1), kShares); }

TEST(SampleToken, TemperatureIsTheExponentsDivisor) {
  std::vector<double> expected;
  double sum = 0;
  for (const double share : kShares) sum += share * share;
  for (const double share : kShares) expected.push_back(share * share / sum);
  expect_near(frequencies(logits(), 0.5, 1), expected);
}

TEST(SampleToken, TopPKeepsTheLikeliestThatReachIt) {
  expect_near(frequencies(logits(), 1, 0.69), {0, 4.0 / 7, 0, 3.0 / 7, 0});
  expect_near(frequencies(logits(), 1, 0.71), {0, 0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85});
  expect_near(frequencies(logits(), 1, 1e-9), {0, 1, 0, 0, 0});
}

TEST(SampleToken, ExtremeLogitsAndTemperaturesAreDrawnFrom) {
  expect_near(frequencies({1000.F, 1000.F, -1000.F}, 1, 1), {0.5, 0.5, 0});
  expect_near(frequencies({1.F, 2.F, 1.5F}, 1e-6, 1), {0, 1, 0});
}

}  // namespace
}  // namespace incipit::eval
