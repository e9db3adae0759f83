#include "eval/generation.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <utility>

#include "comm/single.h"
#include "comm/threads.h"
#include "core/error.h"
#include "data/batch.h"
#include "eval/answers.h"
#include "model/forest_pass.h"
#include "model/pass_graphs.h"
#include "tests/support/fake_graphs.h"
#include "tests/support/host_path.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"

namespace incipit::eval {
namespace {

using testing_support::tiny_backbone;
using testing_support::tiny_dataset;
using testing_support::tiny_generation_task;
using testing_support::tiny_prompt;
using testing_support::with_prompt;
using Ids = std::vector<TokenId>;

constexpr std::int64_t kTokens = 12;

// In float64, so that ties by rounding do not occur.
class GenerationTest : public ::testing::Test {
 protected:
  GenerationTest() { at::set_num_threads(1); }

  [[nodiscard]] Generator generator(const std::optional<at::Tensor>& prompt) {
    models_.push_back(std::make_unique<methods::PromptedModel>(with_prompt(backbone_, prompt)));
    return {*models_.back(),
            [&](PromptRows rows) { return data::source_sequence(task_, data::Example{}, rows); }};
  }

  // Sources of several lengths; the second begins with the first, the fourth equals it.
  [[nodiscard]] std::vector<Sequence> sequences(PromptRows rows) const {
    std::vector<Sequence> all;
    for (const Ids& ids : {Ids{5, 6, 7}, Ids{5, 6, 7, 8, 9}, Ids{5, 30, 31, 32, 33, 34, 35},
                           Ids{5, 6, 7}, Ids{90}}) {
      data::Example example;
      example.source = ids;
      all.push_back(data::source_sequence(task_, example, rows));
    }
    return all;
  }

  // The likeliest tokens after a sequence, the whole of it computed anew for each.
  [[nodiscard]] Ids flat(Sequence sequence, const std::optional<at::Tensor>& prompt) const {
    std::vector<at::Tensor> prompts;
    if (prompt) prompts.push_back(*prompt);
    Ids ids;
    for (int i = 0; i < kTokens; ++i) {
      sequence.predictions = {{static_cast<std::int64_t>(sequence.inputs.size()) - 1, 0, 1}};
      const PackedForest packed = pack({&sequence, 1}, 0);
      ids.push_back(
          model::ForestPass(backbone_, packed.forest, prompts, {}).argmax().item<TokenId>());
      sequence.inputs.push_back(Symbol::token(ids.back()));
    }
    return ids;
  }

  [[nodiscard]] std::vector<Ids> sampled(std::vector<Sequence> sequences, std::uint64_t seed) {
    Generator drawing = generator({});
    std::vector<Ids> all;
    for (auto& each :
         drawing.run(std::move(sequences),
                     {.max_tokens = kTokens, .temperature = 1, .top_p = 0.9, .seed = seed})) {
      all.push_back(std::move(each.tokens));
    }
    return all;
  }

  data::Task task_ = tiny_generation_task();
  std::vector<std::unique_ptr<methods::PromptedModel>> models_;  // of the generators
  model::Backbone backbone_ = tiny_backbone(at::kDouble);
};

TEST_F(GenerationTest, EqualsComputingEverySequenceAnewForEveryToken) {
  for (const auto& prompt :
       {std::optional<at::Tensor>(), std::optional(tiny_prompt(4, at::kDouble))}) {
    Generator generator = this->generator(prompt);
    const auto all = sequences(generator.prompt_rows());
    const auto found = generator.run(all, {.max_tokens = kTokens});
    ASSERT_EQ(found.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(found[i].tokens, flat(all[i], prompt)) << i;
      EXPECT_EQ(found[i].ending, Ending::kLength);
    }
  }
}

// On the path of a GPU, run on the host: a graph computes a token of every sequence. Padding
// queries see rows of the forest below short inputs, and rows of the store below long ones.
TEST_F(GenerationTest, GraphsChooseTheSameTokens) {
  const testing::HostPath path;
  backbone_ = tiny_backbone(at::kFloat);
  const auto prompt = std::optional(tiny_prompt(4, at::kFloat));
  for (const std::size_t more : {0U, 120U}) {
    const auto texts = [&] {
      Generator generator = this->generator(prompt);
      auto inputs = sequences(generator.prompt_rows());
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        inputs[i].append_tokens(Ids(more, static_cast<TokenId>(40 + i)));
      }
      std::vector<Ids> all;
      for (int call = 0; call < 2; ++call) {
        for (auto& each : generator.run(inputs, {.max_tokens = kTokens})) {
          all.push_back(std::move(each.tokens));
        }
      }
      return all;
    };
    backbone_.set_graphs(nullptr);
    const std::vector<Ids> expected = texts();
    testing::GraphCalls calls;
    const auto graphs =
        std::make_shared<model::PassGraphs>(std::make_unique<testing::FakeGraphs>(calls));
    backbone_.set_graphs(graphs);
    EXPECT_EQ(texts(), expected);
    EXPECT_GE(graphs->counts().replayed, kTokens) << graphs->counts().text();
    EXPECT_EQ(calls.replays, graphs->counts().replayed + graphs->counts().captured);
  }
}

TEST_F(GenerationTest, SequencesThatEndLeaveTheOthersAsTheyWere) {
  Generator generator = this->generator({});
  const auto all = sequences({});
  const auto free = generator.run(all, {.max_tokens = kTokens});
  // A token at which one sequence ends and another does not.
  const TokenId stop = free[2].tokens[4];
  const auto stopped = generator.run(all, {.max_tokens = kTokens, .stops = {stop}});
  for (std::size_t i = 0; i < all.size(); ++i) {
    Ids expected = free[i].tokens;
    const auto at = std::find(expected.begin(), expected.end(), stop);
    EXPECT_EQ(stopped[i].ending, at == expected.end() ? Ending::kLength : Ending::kStop) << i;
    expected.erase(at, expected.end());
    EXPECT_EQ(stopped[i].tokens, expected) << i;
  }
  EXPECT_EQ(stopped[2].ending, Ending::kStop);
}

TEST_F(GenerationTest, TheSinkHearsEveryTokenAndCanEndASequence) {
  Generator generator = this->generator({});
  const auto all = sequences({});
  std::vector<Ids> heard(all.size());
  const auto found =
      generator.run(all, {.max_tokens = kTokens}, [&](std::size_t sequence, TokenId token) {
        heard[sequence].push_back(token);
        return sequence != 1 || heard[sequence].size() < 3;
      });
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(found[i].tokens, heard[i]);
    EXPECT_EQ(heard[i].size(), i == 1 ? 3U : static_cast<std::size_t>(kTokens));
  }
  EXPECT_EQ(found[1].ending, Ending::kCaller);
}

TEST_F(GenerationTest, ABlockedRunOfTokensOccursOnce) {
  Generator generator = this->generator({});
  const auto free = generator.run(sequences({}), {.max_tokens = 20});
  const auto blocked = generator.run(sequences({}), {.max_tokens = 20, .block_ngrams = 2});
  const auto repeats = [](const Ids& tokens) {
    std::set<std::pair<TokenId, TokenId>> pairs;
    for (std::size_t i = 1; i < tokens.size(); ++i) pairs.emplace(tokens[i - 1], tokens[i]);
    return pairs.size() + 1 < tokens.size();
  };
  bool any = false;
  for (std::size_t i = 0; i < free.size(); ++i) {
    any = any || repeats(free[i].tokens);
    EXPECT_FALSE(repeats(blocked[i].tokens)) << i;
  }
  EXPECT_TRUE(any) << "without the option some text repeats itself";
}

TEST_F(GenerationTest, EndsAtTheModelsLastPosition) {
  Generator generator = this->generator({});
  const auto positions = static_cast<std::size_t>(backbone_.spec().max_positions);
  Sequence sequence;
  sequence.append_tokens(Ids(positions - 3, 7));
  const auto found = generator.run({sequence}, {.max_tokens = 100});
  EXPECT_EQ(found[0].tokens.size(), 4U) << "the last position predicts one token more";
  EXPECT_EQ(found[0].ending, Ending::kLength);
  sequence.append_tokens(Ids(4, 7));
  EXPECT_THROW((void)generator.run({sequence}, {}), DataError);
}

TEST_F(GenerationTest, SamplingDependsOnTheSeedAndTheNumberOfTheSequenceAlone) {
  const auto all = sequences({});
  const auto first = sampled(all, 1);
  EXPECT_EQ(sampled(all, 1), first);
  EXPECT_NE(sampled(all, 2), first);
  EXPECT_NE(first[0], first[3]) << "equal sequences draw from streams of their own";
  EXPECT_EQ(sampled({all[0]}, 1)[0], first[0]);
}

TEST_F(GenerationTest, OneTokenCanBeAskedForAndNoSequences) {
  Generator generator = this->generator({});
  EXPECT_EQ(generator.run(sequences({}), {.max_tokens = 1})[2].tokens.size(), 1U);
  EXPECT_TRUE(generator.run({}, {}).empty());
}

TEST_F(GenerationTest, NumbersThatAreNotFiniteAreAnError) {
  at::Tensor prompt = tiny_prompt(4, at::kDouble);
  prompt.fill_(std::numeric_limits<double>::quiet_NaN());
  Generator generator = this->generator(prompt);
  EXPECT_THROW((void)generator.run(sequences(generator.prompt_rows()), {}), NumericsError);
}

TEST_F(GenerationTest, BFloat16StoresAndDrawsToo) {
  const model::Backbone backbone = tiny_backbone(at::kBFloat16);
  const methods::PromptedModel model = with_prompt(backbone, tiny_prompt(4));
  Generator generator(model, [](PromptRows rows) {
    Sequence sequence;
    sequence.append_prompt(rows);
    return sequence;
  });
  const auto all = sequences(generator.prompt_rows());
  const auto batch = generator.run(all, {.max_tokens = 3});
  EXPECT_EQ(batch[0].tokens, batch[3].tokens);
  EXPECT_EQ(generator.run(all, {.max_tokens = 3, .temperature = 1})[0].tokens.size(), 3U);
}

TEST_F(GenerationTest, AnswersDoNotDependOnRanksAndBatches) {
  const data::Dataset dataset = tiny_dataset(task_, 7, 5);
  const auto prompt = std::optional(tiny_prompt(4, at::kDouble));
  const auto alone = comm::make_single();
  for (const double temperature : {0.0, 1.0}) {
    const GenerationOptions generation{.max_tokens = 6, .temperature = temperature};
    const auto answers = [&](const EvalOptions& options, comm::Communicator& ranks) {
      return generate_answers(with_prompt(backbone_, prompt), task_, dataset, options, generation,
                              ranks);
    };
    const auto whole = answers({}, *alone);
    ASSERT_EQ(whole.size(), 7U);
    EXPECT_THAT(whole, ::testing::Contains(::testing::Not(::testing::IsEmpty())));
    EXPECT_EQ(answers({.batch_tokens = 1}, *alone), whole);
    comm::run_on_threads(3, [&](comm::Communicator& world) {
      at::set_num_threads(1);
      EXPECT_EQ(answers({}, world), whole);
    });
  }
}

TEST_F(GenerationTest, AnswersOfAPartAreThoseOfTheWhole) {
  const data::Dataset dataset = tiny_dataset(task_, 7, 5);
  const methods::PromptedModel model = with_prompt(backbone_, tiny_prompt(4, at::kDouble));
  const auto alone = comm::make_single();
  const GenerationOptions whole{.max_tokens = 6, .temperature = 1};
  GenerationOptions last = whole;
  last.streams = streams_from(4, 3);
  const auto all = generate_answers(model, task_, dataset, {}, whole, *alone);
  const auto some = generate_answers(
      model, task_, dataset.subset(std::vector<std::int64_t>{4, 5, 6}), {}, last, *alone);
  EXPECT_EQ(some, std::vector(all.begin() + 4, all.end()));
}

TEST_F(GenerationTest, AnswersEndBeforeTheStopOfTheTask) {
  const data::Dataset dataset = tiny_dataset(task_, 7, 5);
  const methods::PromptedModel model = with_prompt(backbone_, tiny_prompt(4, at::kDouble));
  const auto alone = comm::make_single();
  const auto whole = generate_answers(model, task_, dataset, {}, {.max_tokens = 6}, *alone);
  data::TaskOptions options = task_.options();
  std::size_t one = 0;  // an answer that has text
  while (one < whole.size() && whole[one].empty()) ++one;
  ASSERT_LT(one, whole.size());
  options.answer_stop = whole[one].substr(whole[one].size() / 2, 1);
  const data::Task stops(options, task_.model());
  const auto cut = generate_answers(model, stops, dataset, {}, {.max_tokens = 6}, *alone);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const std::size_t end = whole[i].find(options.answer_stop);
    EXPECT_LE(cut[i].size(), end) << i;
    if (end == std::string::npos) {
      EXPECT_EQ(cut[i], whole[i]);
    }
  }
  EXPECT_LT(cut[one].size(), whole[one].size());
}

}  // namespace
}  // namespace incipit::eval
