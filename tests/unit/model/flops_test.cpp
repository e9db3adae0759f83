// The operations of a step, counted by hand for a model small enough to do so.
#include "model/flops.h"
#include "families/llama/config.h"

#include <gtest/gtest.h>

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

TEST(TrainingFlops, AreThoseOfTheProductsThatAGradientOfThePromptNeeds) {
  // A row's multiply-adds in each product: hidden 8, queries 6, keys and values 3 each, MLP 10.
  const double keys_values = 8 * 6;
  const double queries = 8 * 6;
  const double output = 6 * 8;
  const double mlp = 3 * 8 * 10;
  const double pair = 2 * 6;  // a query times a key, and its weight times a value
  const double first = 4 * (keys_values + queries + output + mlp) + (1 + 2 + 3 + 4) * pair;
  const double last = 4 * keys_values + queries + output + mlp + 4 * pair;
  const double forward = first + last + 8 * 7;
  // Backward: as much, but through the first layer's queries, keys and values only for the two
  // rows of the prompt.
  const double backward = forward - 2 * (queries + keys_values);
  EXPECT_DOUBLE_EQ(training_flops(two_layers().spec(), small_forest()), 2 * (forward + backward));
}

TEST(TrainingFlops, CountOnlyPairsWithinTheWindow) {
  ModelSpec spec = two_layers().spec();
  const double whole = training_flops(spec, small_forest());
  spec.layers[0].attention.rule.window = 2;  // rows see 1, 2, 2 and 2 keys
  const double pair = 2 * 6;
  EXPECT_DOUBLE_EQ(training_flops(spec, small_forest()), whole - 2 * 2 * 3 * pair);
}

TEST(TrainingFlops, OfAnEmptyForestAreNone) {
  EXPECT_EQ(training_flops(two_layers().spec(), Forest{}), 0);
}

TEST(TrainingFlops, CountWhatSequencesShareOnce) {
  std::vector<Sequence> sequences(2);
  for (TokenId last = 1; last <= 2; ++last) {
    Sequence& sequence = sequences[last - 1];
    sequence.append_prompt({0, 5});
    sequence.append_tokens(std::vector<TokenId>{3, last});
    sequence.predictions.push_back({.index = 6, .id = 4});
  }
  const double shared = training_flops(two_layers().spec(), pack(sequences).forest);
  const double apart = training_flops(two_layers().spec(), pack(sequences, 0).forest);
  EXPECT_LT(shared, 0.7 * apart);
}

TEST(MeasuredPeak, IsANumberAProcessorCanReach) {
  const double flops = measured_peak_flops(at::kFloat, at::kCPU);
  EXPECT_GT(flops, 1e8);
  EXPECT_LT(flops, 1e15);
}

}  // namespace
}  // namespace incipit::model
