#include "eval/resident_root.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"

namespace incipit::eval {
namespace {

Sequence sequence(std::vector<TokenId> ids, TokenId next) {
  Sequence made;
  made.append_tokens(std::vector<TokenId>{90});  // a BOS before the soft prompt
  made.append_prompt({0, 3});
  made.append_tokens(ids);
  made.predictions = {{static_cast<std::int64_t>(made.inputs.size()) - 1, next, 1.0F}};
  return made;
}

// The first `count` rows of store 0.
std::vector<ResidentRows> rows(std::int64_t count) { return {{0, {0, count}}}; }

TEST(ResidentRoot, TheRestOfTheRootBecomesASegmentOfItsOwn) {
  const std::vector<Sequence> batch = {sequence({1, 2, 3}, 7), sequence({1, 5}, 8)};
  const PackedForest packed = pack(batch);
  ASSERT_EQ(packed.forest.rows(0), (Range{0, 5}));  // BOS, prompt, token 1
  const Forest rest = with_resident_root(packed.forest, rows(4));
  rest.check();
  EXPECT_EQ(rest.tokens, (std::vector<TokenId>{1, 2, 3, 5}));
  EXPECT_EQ(rest.positions, (std::vector<std::int32_t>{4, 5, 6, 5}));
  EXPECT_EQ(rest.parent, (std::vector<std::int32_t>{-1, 0, 1, 1}));
  EXPECT_EQ(rest.resident[0], (ResidentRows{0, {0, 4}}));
  EXPECT_TRUE(rest.rows(0).empty());
  EXPECT_EQ(rest.rows(1), (Range{0, 1}));
  EXPECT_TRUE(rest.prompt_spans.empty());
  EXPECT_EQ(rest.targets, (std::vector<Target>{{2, 7, 1.0F}, {3, 8, 1.0F}}));
}

TEST(ResidentRoot, AWholeRootLeavesItsChildrenBelowTheResidentOne) {
  const std::vector<Sequence> batch = {sequence({1, 2}, 7), sequence({4}, 8)};
  const Forest rest = with_resident_root(pack(batch).forest, rows(4));
  rest.check();
  EXPECT_EQ(rest.parent, (std::vector<std::int32_t>{-1, 0, 0}));
  EXPECT_EQ(rest.tokens, (std::vector<TokenId>{1, 2, 4}));
  EXPECT_EQ(rest.targets, (std::vector<Target>{{1, 7, 1.0F}, {2, 8, 1.0F}}));
}

TEST(ResidentRoot, AChainStandsAboveTheRestOfTheRoot) {
  const std::vector<Sequence> batch = {sequence({1, 2, 3}, 7), sequence({1, 5}, 8)};
  const std::vector<ResidentRows> chain = {{2, {8, 9}}, {2, {30, 33}}};
  for (const bool whole : {false, true}) {
    const std::vector<Sequence> some =
        whole ? std::vector{sequence({2}, 7), sequence({5}, 8)} : batch;
    const Forest rest = with_resident_root(pack(some).forest, chain);
    rest.check();
    EXPECT_EQ(rest.resident[0], chain[0]);
    EXPECT_EQ(rest.resident[1], chain[1]);
    const std::vector<std::int32_t> parents =
        whole ? std::vector<std::int32_t>{-1, 0, 1, 1} : std::vector<std::int32_t>{-1, 0, 1, 2, 2};
    EXPECT_EQ(rest.parent, parents);
    EXPECT_EQ(rest.positions.front(), 4);
  }
}

TEST(ResidentRoot, APromptCutInTheMiddleKeepsItsLaterRows) {
  const std::vector<Sequence> batch = {sequence({1}, 7)};
  const Forest rest = with_resident_root(pack(batch).forest, rows(2));
  rest.check();
  ASSERT_EQ(rest.prompt_spans.size(), 1u);
  EXPECT_EQ(rest.prompt_spans[0], (PromptSpan{.row = 0, .prompt = 0, .prompt_row = 1, .count = 2}));
}

TEST(ResidentRoot, ATargetInTheResidentRowsIsRefused) {
  const std::vector<Sequence> batch = {sequence({}, 7)};
  EXPECT_THROW((void)with_resident_root(pack(batch).forest, rows(4)), LogicError);
}

}  // namespace
}  // namespace incipit::eval
