#include "core/forest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "core/padding.h"
#include "core/random.h"

namespace incipit {
namespace {

using ::testing::ElementsAre;

Sequence sequence(int prompt_rows, std::vector<TokenId> ids,
                  std::vector<Sequence::Prediction> predictions = {}) {
  Sequence made;
  made.append_prompt({0, prompt_rows});
  made.append_tokens(ids);
  made.predictions = std::move(predictions);
  return made;
}

// The inputs on the path from the root to `row`, read back from the forest.
std::vector<std::int64_t> path_to(const Forest& forest, std::int64_t row) {
  const auto code = [&](std::int64_t r) -> std::int64_t {
    if (forest.tokens[r] >= 0) return forest.tokens[r];
    for (const PromptSpan& span : forest.prompt_spans) {
      if (r >= span.row && r < span.row + span.count) {
        return -1 - (span.prompt * 1000 + span.prompt_row + (r - span.row));
      }
    }
    return INT64_MIN;
  };
  int segment = 0;
  while (forest.rows(segment).end <= row) ++segment;
  std::vector<std::int64_t> path;
  for (std::int64_t end = row + 1; segment >= 0; segment = forest.parent[segment]) {
    const Range rows = forest.rows(segment);
    for (std::int64_t r = std::min(end, rows.end) - 1; r >= rows.begin; --r)
      path.push_back(code(r));
    end = INT64_MAX;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

std::vector<std::int64_t> codes(const Sequence& sequence, std::int64_t count) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < count; ++i) {
    const Symbol s = sequence.inputs[i];
    out.push_back(s.is_token() ? s.token_id() : -1 - (s.prompt() * 1000 + s.row()));
  }
  return out;
}

TEST(Pack, SharesThePromptOfABatch) {
  const std::vector<Sequence> batch{sequence(3, {7, 8}), sequence(3, {9})};
  const Forest forest = pack(batch).forest;
  EXPECT_THAT(forest.tokens, ElementsAre(-1, -1, -1, 7, 8, 9));
  EXPECT_THAT(forest.positions, ElementsAre(0, 1, 2, 3, 4, 3));
  EXPECT_THAT(forest.segment_begin, ElementsAre(0, 3, 5, 6));
  EXPECT_THAT(forest.parent, ElementsAre(-1, 0, 0));
  EXPECT_THAT(forest.prompt_spans, ElementsAre(PromptSpan{0, 0, 0, 3}));
}

TEST(Pack, SharesNothingWhenAskedForTheFlatForm) {
  const std::vector<Sequence> batch{sequence(2, {7}), sequence(2, {7})};
  const Forest forest = pack(batch, 0).forest;
  EXPECT_THAT(forest.parent, ElementsAre(-1, -1));
  EXPECT_EQ(forest.row_count(), 6);
}

TEST(Pack, DoesNotSplitOffBeginningsShorterThanTheMinimum) {
  const std::vector<Sequence> batch{sequence(0, {1, 2, 3}), sequence(0, {1, 2, 4})};
  EXPECT_EQ(pack(batch, 3).forest.row_count(), 6);
  EXPECT_EQ(pack(batch, 2).forest.row_count(), 4);
}

TEST(Pack, CandidatesOfOneTokenShareTheirWholeSource) {
  const std::vector<Sequence> batch{sequence(1, {5, 6}, {{2, 40, 1}}),
                                    sequence(1, {5, 6}, {{2, 41, 1}})};
  const PackedForest packed = pack(batch);
  EXPECT_EQ(packed.forest.row_count(), 3);
  EXPECT_THAT(packed.forest.targets, ElementsAre(Target{2, 40, 1}, Target{2, 41, 1}));
  EXPECT_THAT(packed.targets, ElementsAre(ElementsAre(0), ElementsAre(1)));
}

TEST(Pack, EqualPredictionsAtASharedRowBecomeOneTargetOfTheSummedWeight) {
  const std::vector<Sequence> batch{sequence(1, {5}, {{1, 40, 0.5F}}),
                                    sequence(1, {5, 6}, {{1, 40, 0.25F}, {2, 41, 1}})};
  const PackedForest packed = pack(batch);
  EXPECT_THAT(packed.forest.targets, ElementsAre(Target{1, 40, 0.75F}, Target{2, 41, 1}));
  EXPECT_THAT(packed.targets, ElementsAre(ElementsAre(0), ElementsAre(0, 1)));
}

TEST(Pack, KeepsPromptsOfDifferentTasksApart) {
  Sequence a = sequence(2, {5});
  Sequence b;
  b.append_prompt({1, 3});
  b.append_tokens(std::vector<TokenId>{5});
  const Forest forest = pack(std::vector{a, b, a}).forest;
  EXPECT_THAT(forest.prompt_spans, ElementsAre(PromptSpan{0, 0, 0, 2}, PromptSpan{3, 1, 0, 3}));
  EXPECT_EQ(forest.segment_count(), 2);
}

TEST(Pack, KeepsWhatDifferentPromptsAdaptApart) {
  std::vector<Sequence> batch(4, sequence(0, {5, 6}, {{1, 9}}));
  batch[1].append_prompt({.prompt = 1, .adapts = true});
  batch[2].append_prompt({.prompt = 2, .adapts = true});
  batch[3].append_prompt({.prompt = 1, .adapts = true});
  const Forest forest = pack(batch).forest;
  forest.check();
  EXPECT_THAT(forest.parent, ElementsAre(-1, -1, -1));
  EXPECT_THAT(forest.adapted_by, ElementsAre(-1, 1, 2));
  EXPECT_EQ(forest.targets.size(), 3U);
  const ForestCut cut = cut_below_shared(forest, 2);
  ASSERT_EQ(cut.branches.size(), 3U);
  EXPECT_THAT(cut.branches[2].forest.adapted_by, ElementsAre(2));
}

TEST(Pack, EveryRowOfRandomSequencesHasTheRightPath) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Sequence> batch;
    for (std::uint64_t s = 0, count = random.below(8); s < count; ++s) {
      std::vector<TokenId> ids;
      for (std::uint64_t i = 0, n = random.below(9); i < n; ++i) ids.push_back(random.below(2));
      Sequence made = sequence(static_cast<int>(random.below(3)), ids);
      for (std::size_t i = 0; i < made.inputs.size(); ++i) {
        made.predictions.push_back({static_cast<std::int64_t>(i), TokenId(random.below(2)), 1});
      }
      batch.push_back(std::move(made));
    }
    const PackedForest packed = pack(batch, static_cast<int>(random.below(4)));
    ASSERT_NO_THROW(packed.forest.check());
    float total = 0;
    for (const Target& target : packed.forest.targets) total += target.weight;
    std::size_t predictions = 0;
    for (std::size_t s = 0; s < batch.size(); ++s) {
      for (std::size_t k = 0; k < batch[s].predictions.size(); ++k) {
        const Target& target = packed.forest.targets[packed.targets[s][k]];
        ASSERT_EQ(target.id, batch[s].predictions[k].id);
        ASSERT_EQ(path_to(packed.forest, target.row),
                  codes(batch[s], batch[s].predictions[k].index + 1));
      }
      predictions += batch[s].predictions.size();
    }
    ASSERT_FLOAT_EQ(total, static_cast<float>(predictions));
  }
}

Sequence with_encoder(std::vector<TokenId> source, const std::vector<TokenId>& ids) {
  Sequence made = sequence(1, std::move(source));
  made.start_decoder();
  made.append_tokens(ids);
  made.predictions = {{std::ssize(made.inputs) - 1, 9, 1}};
  return made;
}

// Rows of an encoder depend on all of its rows, so only equal inputs are one segment.
TEST(Pack, SharesTheInputsOfAnEncoderOnlyAsAWhole) {
  const PackedForest packed =
      pack(std::vector{with_encoder({5, 6}, {1, 2}), with_encoder({5, 6}, {1, 3}),
                       with_encoder({5, 6, 7}, {1, 2}), with_encoder({5}, {6, 1})});
  const Forest& forest = packed.forest;
  ASSERT_NO_THROW(forest.check());
  EXPECT_THAT(forest.stack, ElementsAre(0, 1, 1, 1, 0, 1, 0, 1));
  EXPECT_THAT(forest.parent, ElementsAre(-1, 0, 1, 1, -1, 4, -1, 6));
  EXPECT_THAT(forest.segment_begin, ElementsAre(0, 3, 4, 5, 6, 10, 12, 14, 16));
  EXPECT_THAT(forest.positions, ElementsAre(0, 1, 2, 0, 1, 1, 0, 1, 2, 3, 0, 1, 0, 1, 0, 1));
  EXPECT_EQ(forest.row_count(0), 9);
  EXPECT_EQ(forest.row_count(1), 7);
  EXPECT_EQ(forest.targets[packed.targets[3][0]].row, 15);
  const ForestCut cut = cut_below_shared(forest, 4);
  EXPECT_THAT(cut.trunk.stack, ElementsAre(0, 0));
  EXPECT_THAT(cut.branches[0].forest.stack, ElementsAre(0, 1, 1, 1));
}

TEST(Pack, TheFlatFormOfAnEncoderDecoderSharesNothing) {
  const Forest forest =
      pack(std::vector{with_encoder({5}, {1, 2}), with_encoder({5}, {1, 2})}, 0).forest;
  EXPECT_THAT(forest.parent, ElementsAre(-1, 0, -1, 2));
  EXPECT_THAT(forest.stack, ElementsAre(0, 1, 0, 1));
}

TEST(Cut, LeavesAForestThatFitsWhole) {
  const std::vector<Sequence> batch{sequence(3, {7, 8}, {{4, 1, 1}}), sequence(3, {9})};
  const Forest forest = pack(batch).forest;
  const ForestCut cut = cut_below_shared(forest, 100);
  EXPECT_EQ(cut.trunk.row_count(), 0);
  ASSERT_EQ(cut.branches.size(), 1U);
  EXPECT_EQ(cut.branches[0].forest.tokens, forest.tokens);
  EXPECT_THAT(cut.branches[0].target_of, ElementsAre(0));
}

TEST(Cut, PutsSharedAncestorsIntoTheTrunk) {
  const std::vector<Sequence> batch{sequence(3, {7, 8}, {{2, 7, 1}, {4, 1, 1}}),
                                    sequence(3, {9, 6}, {{4, 2, 1}})};
  const Forest forest = pack(batch).forest;
  const ForestCut cut = cut_below_shared(forest, 3);
  EXPECT_EQ(cut.trunk.row_count(), 3);
  EXPECT_THAT(cut.trunk_target_of, ElementsAre(0));
  ASSERT_EQ(cut.branches.size(), 2U);
  const Forest& second = cut.branches[1].forest;
  EXPECT_THAT(second.resident, ElementsAre(ResidentRows{0, {0, 3}}, ResidentRows{}));
  EXPECT_THAT(second.parent, ElementsAre(-1, 0));
  EXPECT_THAT(second.tokens, ElementsAre(9, 6));
  EXPECT_THAT(second.positions, ElementsAre(3, 4));
  EXPECT_THAT(second.targets, ElementsAre(Target{1, 2, 1}));
  EXPECT_THAT(cut.branches[1].target_of, ElementsAre(2));
}

TEST(Cut, MakesAsManyBranchesAsAreWantedWhereSegmentsAllow) {
  std::vector<Sequence> batch;
  for (TokenId id = 0; id < 8; ++id) batch.push_back(sequence(3, {id, 20, 21}));
  const Forest forest = pack(batch).forest;
  for (const auto& [wanted, expected] :
       {std::pair{1, 1U}, {2, 2U}, {3, 3U}, {4, 4U}, {5, 8U}, {8, 8U}, {100, 8U}}) {
    const ForestCut cut = cut_below_shared(forest, 1000, wanted);
    EXPECT_EQ(cut.branches.size(), expected) << wanted;
    EXPECT_EQ(cut.trunk.row_count(), wanted == 1 ? 0 : 3) << wanted;
  }
  EXPECT_EQ(cut_below_shared(forest, 4, 2).branches.size(), 8U);  // no larger than asked
}

TEST(Cut, MakesTheWantedBranchesOfNearlyEqualSize) {
  std::vector<Sequence> batch;
  for (TokenId id = 0; id < 8; ++id) {
    batch.push_back(id % 2 == 0 ? sequence(3, {id}) : sequence(3, {id, 20}));
  }
  const ForestCut cut = cut_below_shared(pack(batch).forest, 1000, 4);
  ASSERT_EQ(cut.branches.size(), 4U);
  for (const auto& branch : cut.branches) EXPECT_EQ(branch.forest.row_count(), 3);
}

TEST(Cut, NoBranchIsLargerThanAskedUnlessASegmentIs) {
  Random random(5);
  for (int round = 0; round < 100; ++round) {
    std::vector<Sequence> batch;
    for (int s = 0; s < 12; ++s) {
      std::vector<TokenId> ids;
      for (std::uint64_t i = 0, n = 1 + random.below(9); i < n; ++i) ids.push_back(random.below(2));
      const auto last = static_cast<std::int64_t>(ids.size()) + 1;
      batch.push_back(sequence(2, ids, {{last, TokenId(random.below(3)), 1}}));
    }
    const Forest forest = pack(batch).forest;
    const std::int64_t limit = 1 + static_cast<std::int64_t>(random.below(12));
    const ForestCut cut = cut_below_shared(forest, limit);
    std::size_t targets = cut.trunk_target_of.size();
    std::int64_t rows = cut.trunk.row_count();
    cut.trunk.check();
    for (const auto& branch : cut.branches) {
      branch.forest.check();
      targets += branch.target_of.size();
      rows += branch.forest.row_count();
      int computed = 0;
      for (int s = 0; s < branch.forest.segment_count(); ++s) {
        computed += !branch.forest.rows(s).empty();
      }
      EXPECT_TRUE(branch.forest.row_count() <= limit || computed == 1);
    }
    EXPECT_EQ(targets, forest.targets.size());
    EXPECT_EQ(rows, forest.row_count());
  }
}

// Sequences of `prompts` prompts of three rows, four each, perhaps after a BOS token.
Forest several_prompts(int prompts, bool bos) {
  std::vector<Sequence> batch;
  for (int prompt = 0; prompt < prompts; ++prompt) {
    for (TokenId id = 0; id < 4; ++id) {
      Sequence made;
      if (bos) made.append_tokens(std::vector<TokenId>{99});
      made.append_prompt({prompt, 3});
      made.append_tokens(std::vector<TokenId>{id, 20});
      made.predictions = {{std::ssize(made.inputs) - 1, 50 + prompt, 1}};
      batch.push_back(std::move(made));
    }
  }
  return pack(batch).forest;
}

TEST(Cut, GivesManyPromptsSeveralTrunks) {
  for (const bool bos : {false, true}) {
    const Forest forest = several_prompts(5, bos);
    const std::vector<ForestCut> cuts = cut_into_parts(forest, 7);  // two prompts and BOS
    ASSERT_EQ(cuts.size(), 3U);
    std::vector<std::int32_t> targets;
    for (const ForestCut& cut : cuts) {
      cut.trunk.check();
      EXPECT_LE(cut.trunk.row_count(), 7);
      EXPECT_TRUE(cut.trunk_target_of.empty());
      for (const ForestCut::Branch& branch : cut.branches) {
        branch.forest.check();
        EXPECT_LE(branch.forest.row_count(), 7);
        ASSERT_EQ(branch.target_of.size(), branch.forest.targets.size());
        for (std::size_t t = 0; t < branch.target_of.size(); ++t) {
          EXPECT_EQ(branch.forest.targets[t].id, forest.targets[branch.target_of[t]].id);
        }
        targets.insert(targets.end(), branch.target_of.begin(), branch.target_of.end());
      }
    }
    std::sort(targets.begin(), targets.end());
    ASSERT_EQ(targets.size(), forest.targets.size());
    for (std::size_t t = 0; t < targets.size(); ++t) EXPECT_EQ(targets[t], t);
  }
}

TEST(Cut, GivesOnePromptOneTrunk) {
  std::vector<Sequence> batch;
  for (TokenId passage = 0; passage < 8; ++passage) {
    for (TokenId id = 0; id < 2; ++id) batch.push_back(sequence(9, {passage, 20, 21, id}));
  }
  EXPECT_EQ(cut_into_parts(pack(batch).forest, 4).size(), 1U);
  EXPECT_EQ(cut_into_parts(several_prompts(5, true), 16).size(), 1U);
}

TEST(Forest, CheckRefusesABrokenPreorder) {
  Forest forest = pack(std::vector{sequence(1, {1}), sequence(1, {2}), sequence(0, {3})}).forest;
  forest.parent[3] = 1;  // below the first leaf, but after the second
  EXPECT_THROW(forest.check(), LogicError);
}

TEST(Padding, AddsRowsAndTargetsAtTheEnd) {
  const Forest plain = pack({{sequence(3, {7, 8}, {{3, 5}, {4, 6}})}}).forest;
  const Forest forest = padded(plain, {.rows = 4, .target_rows = 2, .targets = 3});
  forest.check();
  EXPECT_EQ(forest.row_count(), 9);
  EXPECT_EQ(forest.padding_rows, 4);
  EXPECT_EQ(forest.segment_count(), plain.segment_count() + 4);
  EXPECT_THAT(forest.targets, ElementsAre(plain.targets[0], plain.targets[1], Target{5, 0, 0},
                                          Target{6, 0, 0}, Target{6, 1, 0}));
  EXPECT_THROW((void)padded(plain, {.rows = 1, .target_rows = 2, .targets = 2}), LogicError);
}

TEST(Padding, BucketsGrowWithTheCount) {
  EXPECT_EQ(bucket_size(1, 8), 8);
  EXPECT_EQ(bucket_size(8, 8), 8);
  EXPECT_EQ(bucket_size(9, 8), 16);
  EXPECT_EQ(bucket_size(1000, 128), 1024);
  EXPECT_EQ(bucket_size(4100, 128), 4608);
}

}  // namespace
}  // namespace incipit
