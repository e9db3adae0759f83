#include "trainer/batch_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "tests/support/tiny_task.h"

namespace incipit::trainer {
namespace {

using testing_support::tiny_dataset;
using testing_support::tiny_generation_task;
using testing_support::tiny_task;

// The texts of a batch's sources: the rows of its leaves' paths would do, but the multiset
// of tokens is enough to tell random texts apart.
std::vector<TokenId> sorted_tokens(const TrainBatch& batch) {
  std::vector<TokenId> tokens = batch.packed.forest.tokens;
  std::sort(tokens.begin(), tokens.end());
  return tokens;
}

TEST(BatchStream, RanksShareTheSameGlobalBatch) {
  const data::Task task = tiny_task();
  const data::Dataset train = tiny_dataset(task, 10, 5);
  const StreamOptions options{.batch_size = 6, .steps = 4, .seed = 9};
  BatchStream whole({{&task, &train}}, options);
  StreamOptions first = options;
  first.ranks = 2;
  StreamOptions second = first;
  second.rank = 1;
  BatchStream left({{&task, &train}}, first);
  BatchStream right({{&task, &train}}, second);
  for (int step = 0; step < 4; ++step) {
    const TrainBatch all = whole.next();
    const TrainBatch mine = left.next();
    const TrainBatch other = right.next();
    EXPECT_EQ(mine.examples + other.examples, 6);
    EXPECT_EQ(all.packed.targets.size(), mine.packed.targets.size() + other.packed.targets.size());
    double weights = 0;
    for (const TrainBatch* batch : std::initializer_list<const TrainBatch*>{&mine, &other}) {
      for (const Target& target : batch->packed.forest.targets) weights += target.weight;
    }
    for (const Target& target : all.packed.forest.targets) weights -= target.weight;
    EXPECT_EQ(weights, 0);
  }
}

TEST(BatchStream, FileOrderWithoutShuffleGoesOnIntoTheNextEpoch) {
  const data::Task task = tiny_task();
  const data::Dataset train = tiny_dataset(task, 3, 5);
  BatchStream stream({{&task, &train}}, {.batch_size = 2, .steps = 3, .shuffle = false});
  const std::vector<std::vector<std::int64_t>> expected = {{0, 1}, {2, 0}, {1, 2}};
  for (const auto& indices : expected) {
    std::vector<data::Example> held;
    for (const std::int64_t index : indices) held.push_back(train[index]);
    std::vector<const data::Example*> examples;
    for (const data::Example& example : held) examples.push_back(&example);
    TrainBatch wanted;
    wanted.packed = data::pack_targets(task, examples, {});
    EXPECT_EQ(sorted_tokens(stream.next()), sorted_tokens(wanted));
  }
}

TEST(BatchStream, MoreRanksThanExamplesLeavesSomeWithNone) {
  const data::Task task = tiny_task();
  const data::Dataset train = tiny_dataset(task, 4, 5);
  std::int64_t examples = 0;
  for (int rank = 0; rank < 3; ++rank) {
    BatchStream stream({{&task, &train}}, {.batch_size = 2, .steps = 1, .rank = rank, .ranks = 3});
    examples += stream.next().examples;
  }
  EXPECT_EQ(examples, 2);
}

TEST(BatchStream, NoExamplesIsADataError) {
  const data::Task task = tiny_task();
  const data::Dataset none("empty.jsonl", std::vector<data::Example>{}, 0);
  EXPECT_THROW(BatchStream({{&task, &none}}, {}), DataError);
}

TEST(BatchStream, CandidateLossNeedsAVerbalizer) {
  const data::Task task = tiny_generation_task();
  const data::Dataset train = tiny_dataset(task, 4, 5);
  EXPECT_THROW(BatchStream({{&task, &train}}, {.loss = Loss::kCandidates}), ConfigError);
}

}  // namespace
}  // namespace incipit::trainer
