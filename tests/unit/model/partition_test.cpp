#include "model/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "families/llama/config.h"

namespace incipit::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

ModelSpec smollm2_135m() {
  llama::Config c;
  c.model_type = "llama";
  c.hidden_size = 576;
  c.layers = 30;
  c.heads = 9;
  c.kv_heads = 3;
  c.head_dim = 64;
  c.intermediate_size = 1536;
  c.vocab_size = 49152;
  c.tied_embeddings = true;
  return c.spec();
}

ModelSpec llama3_70b() {
  llama::Config c;
  c.model_type = "llama";
  c.hidden_size = 8192;
  c.layers = 80;
  c.heads = 64;
  c.kv_heads = 8;
  c.head_dim = 128;
  c.intermediate_size = 28672;
  c.vocab_size = 128256;
  return c.spec();
}

TEST(Partition, OneRankHoldsEverything) {
  const auto c = smollm2_135m();
  const Partition whole = partition_of(c, 1, 0, 1, 0);
  EXPECT_EQ(whole.layers, (Range{0, 30}));
  EXPECT_EQ(whole.shares, std::vector(30, LayerShare{{0, 9}, {0, 3}, {0, 1536}}));
  EXPECT_EQ(whole.vocabulary, (Range{0, 49152}));
}

// Every index of what is split belongs to one rank, in order.
void expect_cover(const ModelSpec& c, int ranks) {
  SCOPED_TRACE(ranks);
  const AttentionSpec& attention = c.layers[0].attention;
  const auto shares = split_layer(c.layers[0], c.hidden_size, ranks);
  ASSERT_EQ(shares.size(), static_cast<std::size_t>(ranks));
  LayerShare end{};
  const std::int64_t group = attention.heads / attention.kv_heads;
  for (const LayerShare& share : shares) {
    EXPECT_EQ(share.heads.begin, end.heads.end);
    EXPECT_GT(share.heads.size(), 0);
    EXPECT_EQ(share.columns.begin, end.columns.end);
    EXPECT_GE(share.columns.size(), 0);
    EXPECT_EQ(share.kv_heads.begin, share.heads.begin / group);
    EXPECT_EQ(share.kv_heads.end, (share.heads.end - 1) / group + 1);
    // What grouped queries need of a rank: equally many query heads to a key/value head.
    EXPECT_EQ(share.heads.size() % share.kv_heads.size(), 0);
    end = share;
  }
  EXPECT_EQ(end.heads.end, attention.heads);
  EXPECT_EQ(end.columns.end, c.layers[0].mlp.width);
  std::int64_t next = 0;
  for (const Range& ids : split_outputs(c.vocab_size, ranks)) {
    EXPECT_EQ(ids.begin, next);
    next = ids.end;
  }
  EXPECT_EQ(next, c.vocab_size);
}

TEST(Partition, TensorSharesCoverTheModel) {
  for (int ranks = 1; ranks <= 9; ++ranks) expect_cover(smollm2_135m(), ranks);
  for (const int ranks : {1, 2, 3, 8, 16, 24, 64}) expect_cover(llama3_70b(), ranks);
}

TEST(Partition, ColumnsRebalanceWhatHeadsLeaveUneven) {
  const auto c = smollm2_135m();
  const auto shares = split_layer(c.layers[0], c.hidden_size, 2);
  EXPECT_EQ(shares[0].heads, (Range{0, 6}));
  EXPECT_EQ(shares[1].heads, (Range{6, 9}));
  EXPECT_LT(shares[0].columns.size(), shares[1].columns.size());
}

TEST(Partition, GroupsAreSharedWhenRanksOutnumberThem) {
  const auto c = smollm2_135m();
  const auto shares = split_layer(c.layers[0], c.hidden_size, 4);
  EXPECT_EQ(shares[0].kv_heads, (Range{0, 1}));
  EXPECT_EQ(shares[1].kv_heads, (Range{0, 1}));
  EXPECT_EQ(shares[0].heads, (Range{0, 2}));
  EXPECT_EQ(shares[1].heads, (Range{2, 3}));
  EXPECT_EQ(shares[3].kv_heads, (Range{2, 3}));
  EXPECT_EQ(shares[3].heads, (Range{6, 9}));
}

TEST(Partition, OuterStagesGetOneLayerLess) {
  EXPECT_THAT(split_layers(30, 4),
              ElementsAre(Range{0, 7}, Range{7, 15}, Range{15, 23}, Range{23, 30}));
  EXPECT_THAT(split_layers(7, 2), ElementsAre(Range{0, 4}, Range{4, 7}));
  EXPECT_THAT(split_layers(7, 7).back(), (Range{6, 7}));
}

TEST(Partition, RefusesMoreRanksThanThereIsToSplit) {
  EXPECT_THAT([] { (void)partition_of(smollm2_135m(), 1, 0, 10, 0); },
              ThrowsMessage<ConfigError>(HasSubstr("9 attention heads")));
  EXPECT_THAT([] { (void)split_layers(30, 31); },
              ThrowsMessage<ConfigError>(HasSubstr("30 layers")));
  EXPECT_THAT([] { (void)split_outputs(2, 3); },
              ThrowsMessage<ConfigError>(HasSubstr("2 outputs")));
}

}  // namespace
}  // namespace incipit::model
