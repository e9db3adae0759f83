#include "data/stratified_split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace incipit::data {
namespace {

constexpr std::array<double, 2> kShares{0.2, 0.3};

std::vector<std::int64_t> apart(std::size_t count) {
  std::vector<std::int64_t> groups(count);
  std::iota(groups.begin(), groups.end(), 0);
  return groups;
}

// Examples of each part and label.
std::array<std::array<int, 3>, 3> count(const std::vector<int>& parts,
                                        const std::vector<int>& labels) {
  std::array<std::array<int, 3>, 3> counts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    ++counts.at(static_cast<std::size_t>(parts[i])).at(static_cast<std::size_t>(labels[i]));
  }
  return counts;
}

TEST(StratifiedSplit, GivesEveryLabelTheSameShares) {
  std::vector<int> labels(100, 0);
  labels.insert(labels.end(), 50, 1);
  labels.insert(labels.end(), 10, 2);
  const auto counts = count(stratified_split(labels, apart(160), kShares, 1), labels);
  EXPECT_EQ(counts[0], (std::array{50, 25, 5}));
  EXPECT_EQ(counts[1], (std::array{20, 10, 2}));
  EXPECT_EQ(counts[2], (std::array{30, 15, 3}));
}

TEST(StratifiedSplit, IsDrawnByTheSeed) {
  const std::vector<int> labels(60, 0);
  const auto once = stratified_split(labels, apart(60), kShares, 1);
  EXPECT_EQ(stratified_split(labels, apart(60), kShares, 1), once);
  EXPECT_NE(stratified_split(labels, apart(60), kShares, 2), once);
  // Drawn, not cut off an end.
  EXPECT_FALSE(std::is_sorted(once.begin(), once.end()));
}

TEST(StratifiedSplit, ServesRareLabelsTrainFirst) {
  const std::vector<int> labels{0, 1, 1, 2, 2, 2};
  const auto counts = count(stratified_split(labels, apart(6), kShares, 1), labels);
  EXPECT_EQ(counts[0], (std::array{1, 1, 1}));
  EXPECT_EQ(counts[1], (std::array{0, 0, 1}));
  EXPECT_EQ(counts[2], (std::array{0, 1, 1}));
}

TEST(StratifiedSplit, KeepsGroupsTogether) {
  std::vector<int> labels;
  std::vector<std::int64_t> groups;
  for (int i = 0; i < 90; ++i) {
    labels.push_back(i % 2);
    groups.push_back(i / 3);  // with both labels
  }
  const auto parts = stratified_split(labels, groups, kShares, 1);
  for (std::size_t i = 0; i < parts.size(); ++i) EXPECT_EQ(parts[i], parts[i / 3 * 3]);
  EXPECT_EQ(std::count(parts.begin(), parts.end(), 2) % 3, 0);
  EXPECT_GT(std::count(parts.begin(), parts.end(), 1), 0);
}

TEST(StratifiedSplit, LeavesSomethingOfALargeGroupToEveryPart) {
  // One group has nearly all examples; whichever split gets it, the others are not empty.
  std::vector<std::int64_t> groups(50, 0);
  for (std::int64_t i = 1; i <= 2; ++i) groups.push_back(i);
  const std::vector<int> labels(52, 0);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto parts = stratified_split(labels, groups, kShares, seed);
    for (int part = 0; part < 3; ++part) {
      EXPECT_GT(std::count(parts.begin(), parts.end(), part), 0) << seed << ' ' << part;
    }
  }
}

TEST(StratifiedOrder, BeginsWithTheProportionsOfTheWhole) {
  std::vector<int> labels(60, 0);
  labels.insert(labels.end(), 30, 1);
  labels.insert(labels.end(), 10, 2);
  const auto order = stratified_order(labels, 1);
  std::vector<std::int64_t> all = order;
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, apart(100));  // every example once
  std::array<int, 3> counts{};
  for (std::size_t taken = 1; taken <= order.size(); ++taken) {
    ++counts.at(static_cast<std::size_t>(labels[static_cast<std::size_t>(order[taken - 1])]));
    if (taken < 3) continue;
    const auto part = static_cast<double>(taken);
    EXPECT_NEAR(counts[0], 0.6 * part, 2) << taken;
    EXPECT_NEAR(counts[1], 0.3 * part, 2) << taken;
    EXPECT_NEAR(counts[2], 0.1 * part, 2) << taken;
    EXPECT_GE(counts[2], 1) << taken;
  }
}

TEST(StratifiedOrder, IsDrawnByTheSeed) {
  const std::vector<int> labels(60, 0);
  const auto once = stratified_order(labels, 1);
  EXPECT_EQ(stratified_order(labels, 1), once);
  EXPECT_NE(stratified_order(labels, 2), once);
  EXPECT_FALSE(std::is_sorted(once.begin(), once.end()));
}

}  // namespace
}  // namespace incipit::data
