// The operations of a step, counted by hand for a model small enough to do so.
#include "nn/flops.h"

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <iterator>

#include "families/llama/config.h"
#include "model/forest_pass.h"

namespace incipit::model {
namespace {

llama::Config two_layers() {
  llama::Config c;
  c.hidden_size = 8;
  c.layers = 2;
  c.heads = 2;
  c.kv_heads = 1;
  c.head_dim = 3;
  c.intermediate_size = 10;
  c.vocab_size = 7;
  c.max_positions = 8;
  return c;
}

// Two prompt rows and two tokens; the last row predicts.
Forest small_forest() {
  Sequence sequence;
  sequence.append_prompt({0, 2});
  const std::vector<TokenId> tokens{1, 2};
  sequence.append_tokens(tokens);
  sequence.predictions.push_back({.index = 3, .id = 4});
  return pack({&sequence, 1}).forest;
}

// Returns the operations of a forward and a backward pass, which need no data.
double training_flops(const Forest& forest, const ModelSpec& spec = two_layers().spec()) {
  const Backbone backbone = Backbone::without_data(spec, at::kFloat);
  const auto options = at::TensorOptions(at::kMeta).dtype(at::kFloat);
  const std::vector<at::Tensor> prompts{at::empty({5, spec.hidden_size}, options)};
  std::vector<at::Tensor> gradients{at::empty({5, spec.hidden_size}, options)};
  const double before = nn::counted_flops();
  ForestPass pass(backbone, forest, prompts, {.for_backward = true});
  pass.backward(at::empty({std::ssize(forest.targets)}, options.dtype(at::kDouble)), gradients);
  return nn::counted_flops() - before;
}

TEST(CountedFlops, AreThoseOfTheProductsThatAGradientOfThePromptNeeds) {
  // A row's multiply-adds in each product: hidden 8, queries 6, keys and values 3 each, MLP 10.
  const double qkv = 8 * (6 + 3 + 3);
  const double output = 6 * 8;
  const double mlp = 3 * 8 * 10;
  const double pair = 2 * 6;  // a query times a key, and its weight times a value
  const double first = 4 * (qkv + output + mlp) + (1 + 2 + 3 + 4) * pair;
  const double last = 4 * qkv + output + mlp + 4 * pair;
  const double head = 8 * 7;
  // Both factors of a product in attention need a gradient. The first layer needs that of queries,
  // keys and values only for the two rows of the prompt.
  const double backward = head + (last + 4 * pair) + (first + 10 * pair - 2 * qkv);
  EXPECT_DOUBLE_EQ(training_flops(small_forest()), 2 * (first + last + head + backward));
}

TEST(CountedFlops, CountOnlyPairsWithinTheWindow) {
  ModelSpec spec = two_layers().spec();
  const double whole = training_flops(small_forest(), spec);
  spec.layers[0].attention.rule.window = 2;  // rows see 1, 2, 2 and 2 keys
  const double pair = 2 * 6;
  EXPECT_DOUBLE_EQ(training_flops(small_forest(), spec), whole - 3 * 2 * 3 * pair);
}

TEST(CountedFlops, OfAnEmptyForestAreNone) { EXPECT_EQ(training_flops(Forest{}), 0); }

TEST(CountedFlops, CountWhatSequencesShareOnce) {
  std::vector<Sequence> sequences(2);
  for (TokenId last = 1; last <= 2; ++last) {
    Sequence& sequence = sequences[last - 1];
    sequence.append_prompt({0, 5});
    sequence.append_tokens(std::vector<TokenId>{3, last});
    sequence.predictions.push_back({.index = 6, .id = 4});
  }
  const double shared = training_flops(pack(sequences).forest);
  const double apart = training_flops(pack(sequences, 0).forest);
  EXPECT_LT(shared, 0.7 * apart);
}

TEST(MeasuredPeak, IsANumberAProcessorCanReach) {
  const double flops = nn::measured_peak_flops(at::kFloat, at::kCPU);
  EXPECT_GT(flops, 1e8);
  EXPECT_LT(flops, 1e15);
}

}  // namespace
}  // namespace incipit::model
