#include "methods/prompt_tuning/initializer.h"

#include <ATen/ops/empty.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensors.h"

namespace incipit::prompt_tuning {
namespace {

using methods::InitKind;
using methods::MethodOptions;

using ::incipit::testing::floats;
using ::incipit::testing::numbers;
using ::incipit::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Lt;
using ::testing::ThrowsMessage;

// A vocabulary whose token i has the embedding [i, -i].
methods::StartInputs inputs_of(std::int64_t vocab_size) {
  methods::StartInputs inputs;
  inputs.spec.vocab_size = vocab_size;
  inputs.spec.hidden_size = 2;
  inputs.embed = [](std::span<const TokenId> ids) {
    std::vector<float> rows;
    for (const TokenId id : ids) {
      rows.push_back(static_cast<float>(id));
      rows.push_back(static_cast<float>(-id));
    }
    return floats({static_cast<std::int64_t>(ids.size()), 2}, rows);
  };
  return inputs;
}

MethodOptions options_of(InitKind kind, std::int64_t rows) {
  MethodOptions options;
  options.num_virtual_tokens = rows;
  options.init.kind = kind;
  return options;
}

std::vector<float> values(const MethodOptions& options, methods::StartInputs inputs,
                          std::uint64_t seed = 1) {
  inputs.seed = seed;
  const SoftPrompt prompt = initialize_prompt(options, inputs, "a task");
  EXPECT_EQ(prompt.name, "a task");
  EXPECT_EQ(prompt.rows(), options.num_virtual_tokens);
  EXPECT_EQ(prompt.width(), inputs.spec.hidden_size);
  EXPECT_EQ(prompt.values.scalar_type(), at::kFloat);
  return numbers(prompt.values);
}

// The tokens whose embeddings a prompt of `inputs_of` is made of.
std::vector<int> tokens(const std::vector<float>& values) {
  std::vector<int> tokens;
  for (std::size_t i = 0; i < values.size(); i += 2) {
    EXPECT_EQ(values[i], -values[i + 1]);
    tokens.push_back(static_cast<int>(values[i]));
  }
  return tokens;
}

TEST(Initializer, TheSeedDecidesAndNothingElse) {
  const methods::StartInputs inputs = inputs_of(50);
  for (const InitKind kind :
       {InitKind::kRandomUniform, InitKind::kNormal, InitKind::kSampledVocab}) {
    const MethodOptions options = options_of(kind, 10);
    EXPECT_EQ(values(options, inputs, 5), values(options, inputs, 5));
    EXPECT_NE(values(options, inputs, 5), values(options, inputs, 6));
  }
}

TEST(Initializer, UniformValuesFillTheirRange) {
  MethodOptions options = options_of(InitKind::kRandomUniform, 500);
  options.init.scale = "t5x";
  const std::vector<float> drawn = values(options, inputs_of(50));
  EXPECT_THAT(drawn, Each(AllOf(Ge(0.0F), Lt(0.5F))));
  EXPECT_LT(*std::min_element(drawn.begin(), drawn.end()), 0.01F);
  EXPECT_GT(*std::max_element(drawn.begin(), drawn.end()), 0.49F);
}

TEST(Initializer, TheAutomaticRangeIsTheEmbeddingsRootMeanSquare) {
  const methods::StartInputs inputs = inputs_of(5000);  // more rows than are looked up at once
  double squares = 0;
  for (int id = 0; id < 5000; ++id) squares += static_cast<double>(id) * id;
  const double rms = std::sqrt(squares / 5000);
  EXPECT_NEAR(embedding_rms(inputs), rms, rms * 1e-12);
  const std::vector<float> drawn = values(options_of(InitKind::kRandomUniform, 500), inputs);
  const auto bound = static_cast<float>(rms);
  EXPECT_THAT(drawn, Each(AllOf(Ge(-bound), Le(bound))));
  EXPECT_LT(*std::min_element(drawn.begin(), drawn.end()), -0.98F * bound);
}

TEST(Initializer, NormalValuesHaveUnitVariance) {
  const std::vector<float> drawn = values(options_of(InitKind::kNormal, 5000), inputs_of(50));
  double sum = 0;
  double squares = 0;
  for (const float value : drawn) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  EXPECT_NEAR(sum / 10000, 0.0, 0.05);
  EXPECT_NEAR(squares / 10000, 1.0, 0.05);
}

TEST(Initializer, SampledTokensAreDistinctCommonAndNotSpecial) {
  methods::StartInputs inputs = inputs_of(100);
  inputs.special_ids = {0, 3};
  MethodOptions options = options_of(InitKind::kSampledVocab, 8);
  options.init.sample_from = 8;
  std::vector<int> drawn = tokens(values(options, inputs));
  EXPECT_FALSE(std::is_sorted(drawn.begin(), drawn.end()));
  std::sort(drawn.begin(), drawn.end());
  EXPECT_THAT(drawn, ElementsAre(1, 2, 4, 5, 6, 7, 8, 9));
}

TEST(Initializer, AllOfTheVocabularyCanBeSampled) {
  MethodOptions options = options_of(InitKind::kSampledVocab, 100);
  options.init.sample_from = 0;
  const std::vector<int> drawn = tokens(values(options, inputs_of(100)));
  EXPECT_EQ(std::set<int>(drawn.begin(), drawn.end()).size(), 100U);
}

TEST(Initializer, APromptLongerThanTheVocabularySamplesWithReplacement) {
  const std::vector<int> drawn =
      tokens(values(options_of(InitKind::kSampledVocab, 40), inputs_of(5)));
  EXPECT_EQ(std::set<int>(drawn.begin(), drawn.end()).size(), 5U);
}

TEST(Initializer, ATextIsRepeatedOrCut) {
  methods::StartInputs inputs = inputs_of(100);
  inputs.text_ids = {7, 8, 9};
  EXPECT_THAT(tokens(values(options_of(InitKind::kText, 7), inputs)),
              ElementsAre(7, 8, 9, 7, 8, 9, 7));
  EXPECT_THAT(tokens(values(options_of(InitKind::kText, 2), inputs)), ElementsAre(7, 8));
  inputs.text_ids = {};
  EXPECT_THAT([&] { (void)values(options_of(InitKind::kText, 2), inputs); },
              ThrowsMessage<ConfigError>(HasSubstr("method.init.text")));
}

TEST(Initializer, LabelsAreAveragedAndTheRestSampled) {
  methods::StartInputs inputs = inputs_of(100);
  inputs.label_ids = {{90}, {91, 93, 98}};
  MethodOptions options = options_of(InitKind::kClassLabels, 6);
  options.init.sample_from = 50;
  const std::vector<int> drawn = tokens(values(options, inputs));
  EXPECT_EQ(drawn[0], 90);
  EXPECT_EQ(drawn[1], 94);
  EXPECT_THAT(std::vector<int>(drawn.begin() + 2, drawn.end()), Each(Lt(50)));
  EXPECT_THAT(tokens(values(options_of(InitKind::kClassLabels, 1), inputs)), ElementsAre(90));
}

TEST(Initializer, AutoTakesLabelsWhereThereAreSome) {
  methods::StartInputs inputs = inputs_of(100);
  const auto drawn = [&](InitKind kind) { return tokens(values(options_of(kind, 6), inputs)); };
  EXPECT_EQ(drawn(InitKind::kAuto), drawn(InitKind::kSampledVocab));
  inputs.label_ids = {{90}, {91, 93, 98}};
  EXPECT_EQ(drawn(InitKind::kAuto), drawn(InitKind::kClassLabels));
}

TEST(Initializer, LabelsWithoutTokensAreRefused) {
  methods::StartInputs inputs = inputs_of(100);
  const MethodOptions options = options_of(InitKind::kClassLabels, 6);
  EXPECT_THAT([&] { (void)values(options, inputs); },
              ThrowsMessage<ConfigError>(HasSubstr("needs a task with labels")));
  inputs.label_ids = {{1}, {}};
  EXPECT_THAT([&] { (void)values(options, inputs); },
              ThrowsMessage<ConfigError>(HasSubstr("label 2 has no tokens")));
}

TEST(Initializer, AFileIsTakenWhenItFits) {
  const TemporaryFolder folder;
  save_npy(folder / "p.npy", {"p", floats({2, 2}, {1, 2, 3, 4})});
  save_npy(folder / "wide.npy", {"p", floats({2, 3}, {1, 2, 3, 4, 5, 6})});
  MethodOptions options = options_of(InitKind::kFile, 2);
  options.init.path = folder / "p.npy";
  EXPECT_THAT(values(options, inputs_of(100)), ElementsAre(1, 2, 3, 4));
  options.num_virtual_tokens = 3;
  EXPECT_THAT([&] { (void)values(options, inputs_of(100)); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("p.npy"), HasSubstr("2 virtual tokens"),
                                             HasSubstr("num_virtual_tokens is 3"))));
  options.num_virtual_tokens = 2;
  options.init.path = folder / "wide.npy";
  EXPECT_THAT([&] { (void)values(options, inputs_of(100)); },
              ThrowsMessage<DataError>(HasSubstr("hidden size is 2")));
}

}  // namespace
}  // namespace incipit::prompt_tuning
