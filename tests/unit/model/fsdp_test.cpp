#include "nn/weight_store.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "comm/counting.h"
#include "comm/threads.h"
#include "families/llama/config.h"
#include "model/backbone.h"
#include "model/forest_pass.h"

namespace incipit::model {
namespace {

using nn::shard_rows;

llama::Config config(bool tied) {
  llama::Config c;
  c.model_type = "qwen2";
  c.hidden_size = 60;
  c.layers = 14;
  c.heads = 6;
  c.kv_heads = 2;
  c.head_dim = 10;
  c.intermediate_size = 151;
  c.vocab_size = 2003;
  c.max_positions = 64;
  c.tied_embeddings = tied;
  c.qkv_bias = true;
  return c;
}

// On every rank of a group that gathers `config(tied)`.
template <typename Body>
void on_group(int ranks, bool tied, Body&& body) {
  comm::run_on_threads(ranks, [&](comm::Communicator& world) {
    const comm::Mesh mesh(world.split(0, world.rank(), "world"), {.fsdp = ranks});
    body(Backbone::random(config(tied).spec(), 3, {}, Placement(mesh)), world);
  });
}

Forest forest_of(int sequences) {
  std::vector<Sequence> batch(sequences);
  for (int s = 0; s < sequences; ++s) {
    const std::vector<TokenId> ids{5, 1999, s + 300, 2002};
    batch[s].append_tokens(ids);
    batch[s].predictions = {{1, 700 + s, 1}, {3, s, 1}};
  }
  return pack(batch).forest;
}

TEST(ShardRows, CoverAMatrixOnce) {
  for (const std::int64_t out : {1, 5, 6, 7, 100}) {
    for (int ranks = 1; ranks <= 4; ++ranks) {
      std::int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Range rows = shard_rows(out, ranks, rank);
        EXPECT_EQ(rows.begin, next);
        EXPECT_LE(rows.size(), shard_rows(out, ranks, 0).size());
        next = rows.end;
      }
      EXPECT_EQ(next, out);
    }
  }
}

TEST(FsdpModel, ScoresAsAWholeOneDoes) {
  for (const bool tied : {true, false}) {
    const Backbone whole = Backbone::random(config(tied).spec(), 3, {});
    const at::Tensor expected = ForestPass(whole, forest_of(3), {}, {}).log_likelihoods();
    on_group(3, tied, [&](const Backbone& backbone, comm::Communicator&) {
      for (int again = 0; again < 2; ++again) {
        const ForestPass pass(backbone, forest_of(3), {}, {});
        EXPECT_LT(pass.log_likelihoods().sub(expected).abs().max().item<double>(), 1e-4);
        EXPECT_TRUE(pass.argmax().equal(ForestPass(whole, forest_of(3), {}, {}).argmax()));
      }
    });
  }
}

TEST(FsdpModel, ARankWithNothingToComputeRunsAnEmptyForest) {
  on_group(2, true, [&](const Backbone& backbone, comm::Communicator& world) {
    for (int turn = 0; turn < 4; ++turn) {
      const bool computes = turn % 2 == world.rank();
      ForestPass pass(backbone, computes ? forest_of(1) : Forest(), {}, {.for_backward = true});
      const at::Tensor grad = at::ones({computes ? 2 : 0}, at::kDouble);
      (void)pass.backward(grad, {});
      EXPECT_EQ(pass.log_likelihoods().size(0), computes ? 2 : 0);
    }
  });
}

// A rank holds its share and the two layers that are there at a time, and every norm and bias; 1 %
// are for rows that do not divide evenly.
// The bytes that a rank has started to send, before and while it uses a group.
TEST(FsdpModel, TheNextGroupIsGatheredWhileOneIsInUse) {
  comm::SentBytes sent;
  const comm::Mesh mesh(comm::make_counting({.fsdp = 2}, 0, sent), {.fsdp = 2});
  nn::WeightStore store(mesh.fsdp(), at::kCPU);
  for (int group = 0; group < 3; ++group) {
    const std::string name = "w" + std::to_string(group);
    store.add(store.add_group(),
              {.slices = {{.tensor = name, .shape = {8, 4}, .rows = {0, 8}}},
               .columns = {0, 4},
               .sharded = true},
              {});
  }
  store.finish();
  const auto groups = [&] {
    constexpr double kShare = 4 * 4 * sizeof(float);
    if (sent.all().empty()) return 0.0;
    EXPECT_EQ(sent.all().size(), 1);
    EXPECT_TRUE(sent.all().front().overlaps);
    return sent.all().front().bytes / kShare;
  };
  store.announce({0, 1, 2});
  EXPECT_EQ(groups(), 1);
  for (int group = 0; group < 3; ++group) {
    const nn::WeightStore::Use use = store.use(group);
    EXPECT_EQ(groups(), std::min(group + 2, 3));
  }
}

TEST(FsdpModel, HoldsItsShareAndTwoLayers) {
  for (const bool tied : {true, false}) {
    const llama::Config c = config(tied);
    const auto total = static_cast<double>(Backbone::random(c.spec(), 3, {}).weight_bytes());
    ModelSpec less = c.spec();
    less.layers.pop_back();
    const auto layer =
        total - static_cast<double>(Backbone::without_data(less, at::kFloat).weight_bytes());
    double vectors = 0;
    const Backbone whole = Backbone::without_data(c.spec(), at::kFloat);
    for (const nn::Parameter* weight : whole.weights().parameters()) {
      if (weight->stored().dim() == 1) vectors += static_cast<double>(weight->stored().nbytes());
    }
    for (const int ranks : {2, 3, 4}) {
      on_group(ranks, tied, [&](const Backbone& backbone, comm::Communicator&) {
        EXPECT_LT(backbone.weight_bytes(), 1.01 * (total / ranks + 2 * layer + vectors));
      });
    }
  }
}

}  // namespace
}  // namespace incipit::model
