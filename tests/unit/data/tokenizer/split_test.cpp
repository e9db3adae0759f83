#include "data/tokenizer/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace incipit::data {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> split(SplitBehavior behavior, std::string_view text) {
  Pieces pieces;
  const Regex regex("-");
  const Piece piece{text, 1, kNoToken};
  regex.find_spans(text, pieces.spans);
  split_piece(piece, behavior, pieces);
  std::vector<std::string> parts;
  for (const Piece& part : pieces.next) parts.emplace_back(part.text);
  return parts;
}

TEST(Split, TreatsTheDelimiterAsAsked) {
  const std::string text = "the-final--countdown";
  EXPECT_THAT(split(SplitBehavior::kRemoved, text), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(split(SplitBehavior::kIsolated, text),
              ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(split(SplitBehavior::kMergedWithPrevious, text),
              ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(split(SplitBehavior::kMergedWithNext, text),
              ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(split(SplitBehavior::kContiguous, text),
              ElementsAre("the", "-", "final", "--", "countdown"));
}

TEST(Split, KeepsDelimitersAtBothEnds) {
  EXPECT_THAT(split(SplitBehavior::kMergedWithPrevious, "--a-"), ElementsAre("-", "-", "a-"));
  EXPECT_THAT(split(SplitBehavior::kMergedWithNext, "-a--"), ElementsAre("-a", "-", "-"));
  EXPECT_THAT(split(SplitBehavior::kContiguous, "--a-"), ElementsAre("--", "a", "-"));
}

TEST(Split, RemembersWhichPartBeginsTheText) {
  Pieces pieces;
  pieces.add_part({"abcdef", 3, kNoToken}, 0, 2);
  pieces.add_part({"abcdef", 3, kNoToken}, 2, 5);
  pieces.add_part({"abcdef", 3, kNoToken}, 5, 6);
  EXPECT_EQ(pieces.next[0].front, 2U);
  EXPECT_EQ(pieces.next[1].front, 1U);
  EXPECT_EQ(pieces.next[2].front, 0U);
}

}  // namespace
}  // namespace incipit::data
