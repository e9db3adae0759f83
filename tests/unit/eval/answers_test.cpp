#include "eval/answers.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "comm/single.h"
#include "comm/threads.h"
#include "core/error.h"
#include "data/answer_text.h"
#include "data/batch.h"
#include "eval/evaluation.h"
#include "model/forest_pass.h"
#include "tests/support/prompts.h"
#include "tests/support/tiny_task.h"

namespace incipit::eval {
namespace {

using ::testing::ElementsAre;
using testing_support::tiny_backbone;
using testing_support::tiny_dataset;
using testing_support::tiny_generation_task;
using testing_support::tiny_prompt;
using testing_support::tiny_task;
using testing_support::with_prompt;

constexpr double kTolerance = 1e-9;

data::Task with(data::TaskOptions options) { return {std::move(options), tiny_task().model()}; }

// Answers that the tiny task does not share: the texts of the record itself.
data::TaskOptions own_choices() {
  data::TaskOptions options = tiny_task().options();
  options.verbalizer = {{"0", " {one}"}, {"1", " {two}"}};
  return options;
}

data::Dataset choices(const data::Task& task, int count) {
  const char* words[] = {"reed", "moss", "a heron", "fog"};
  std::vector<data::Example> examples;
  for (int i = 0; i < count; ++i) {
    const nlohmann::json record = {{"idx", i},
                                   {"text", "made-up line " + std::to_string(i)},
                                   {"one", words[i % 4]},
                                   {"two", words[(i + 1) % 4]},
                                   {"label", i % 2}};
    examples.push_back(task.example(data::Record(record.dump(), "own.jsonl", i + 1), true));
  }
  return {"own.jsonl", std::move(examples), 0};
}

// In float64, so that shared and flat computation agree almost exactly.
class AnswersTest : public ::testing::Test {
 protected:
  AnswersTest() { at::set_num_threads(1); }

  // The log-likelihood of `answer` after `source`, nothing shared.
  [[nodiscard]] double flat(const data::Task& task, std::vector<TokenId> source,
                            const std::vector<TokenId>& answer,
                            const std::optional<at::Tensor>& prompt) const {
    data::Example example;
    example.source = std::move(source);
    const PromptRows rows{.prompt = 0, .rows = prompt ? static_cast<int>(prompt->size(0)) : 0};
    const Sequence sequence = data::target_sequence(task, example, rows, answer);
    std::vector<at::Tensor> prompts;
    if (prompt) prompts.push_back(*prompt);
    const PackedForest packed = pack({&sequence, 1}, 0);
    return model::ForestPass(backbone_, packed.forest, prompts, {})
        .log_likelihoods()
        .sum()
        .item<double>();
  }

  void expect_pmi(const data::Task& task, const data::Dataset& dataset,
                  const std::optional<at::Tensor>& prompt, int ranks) const {
    comm::run_on_threads(ranks, [&](comm::Communicator& world) {
      at::set_num_threads(1);
      const Scores scores = score_candidates(with_prompt(backbone_, prompt), task, dataset,
                                             {.batch_tokens = 60, .score = Score::kPmi}, world);
      const auto empty = task.tokenizer().encode(" ->");  // "{text} ->" without its text
      for (std::int64_t i = 0; i < dataset.size(); ++i) {
        const data::Example example = dataset[i];
        for (std::size_t c = 0; c < example.candidates->size(); ++c) {
          const auto& tokens = (*example.candidates)[c].tokens;
          EXPECT_NEAR(
              scores.scores[i][c],
              flat(task, example.source, tokens, prompt) - flat(task, empty, tokens, prompt),
              kTolerance);
        }
      }
    });
  }

  // A task whose one label is what the model says to the first example, and that data set.
  [[nodiscard]] data::Task task_of_what_is_said(std::string& said) const {
    const data::Task free = tiny_generation_task();
    const auto alone = comm::make_single();
    said = generate_answers(with_prompt(backbone_, std::nullopt), free, tiny_dataset(free, 1, 8),
                            {}, {.max_tokens = 3}, *alone)
               .at(0);
    data::TaskOptions options = tiny_task().options();
    options.verbalizer = {{"good", "\n" + said + " "}, {"bad", " something else"}};
    options.answer = data::Answer::kGenerate;
    options.max_answer_tokens = 3;
    return with(options);
  }

  model::Backbone backbone_ = tiny_backbone(at::kDouble);
};

TEST_F(AnswersTest, PmiTakesAwayWhatAnAnswerHasBehindAnEmptyInput) {
  const data::Task task = tiny_task();
  for (const int ranks : {1, 2}) {
    expect_pmi(task, tiny_dataset(task, 5, 8), {}, ranks);
    expect_pmi(task, tiny_dataset(task, 5, 8), tiny_prompt(4, at::kDouble), ranks);
  }
}

// Contextual calibration (Zhao et al. 2021), computed from flat log-likelihoods: the probability
// among the candidates, divided by its mean over the inputs without content.
TEST_F(AnswersTest, CalibrationDividesByTheProbabilityWithoutContent) {
  const data::Task own = with(own_choices());
  for (const bool shared : {true, false}) {
    const data::Task task = shared ? tiny_task() : own;
    const data::Dataset dataset = shared ? tiny_dataset(task, 5, 8) : choices(task, 6);
    const auto alone = comm::make_single();
    const Scores scores =
        score_candidates(with_prompt(backbone_, std::nullopt), task, dataset,
                         {.batch_tokens = 60, .score = Score::kCalibrated}, *alone);
    for (std::int64_t i = 0; i < dataset.size(); ++i) {
      const data::Example example = dataset[i];
      const auto probability = [&](const std::vector<TokenId>& source, std::size_t of) {
        const double a = std::exp(flat(task, source, (*example.candidates)[0].tokens, {}));
        const double b = std::exp(flat(task, source, (*example.candidates)[1].tokens, {}));
        return (of == 0 ? a : b) / (a + b);
      };
      double ratios[2] = {};
      for (const std::size_t c : {0, 1}) {
        double free = 0;
        for (const char* text : {"N/A ->", "[MASK] ->", " ->"}) {
          free += probability(task.tokenizer().encode(text), c) / 3;
        }
        ratios[c] = probability(example.source, c) / free;
        EXPECT_NEAR(scores.scores[i][c], std::log(ratios[c]), kTolerance);
      }
      EXPECT_EQ(scores.predictions[i], ratios[1] > ratios[0] ? 1 : 0);
    }
  }
}

TEST_F(AnswersTest, PmiKnowsTheAnswersOfEveryRecord) {
  const data::Task task = with(own_choices());
  expect_pmi(task, choices(task, 6), {}, 1);
  expect_pmi(task, choices(task, 6), tiny_prompt(2, at::kDouble), 3);
}

TEST_F(AnswersTest, PmiNeedsSomethingInFrontOfTheAnswer) {
  data::TaskOptions options = tiny_task().options();
  options.source_template = "{text}";
  options.score = Score::kPmi;
  const data::Task task = with(options);
  const data::Dataset dataset = tiny_dataset(task, 2, 8);
  const auto alone = comm::make_single();
  EXPECT_THROW(
      (void)score_candidates(with_prompt(backbone_, std::nullopt), task, dataset, {}, *alone),
      ConfigError);
  const Scores scores = score_candidates(with_prompt(backbone_, tiny_prompt(4, at::kDouble)), task,
                                         dataset, {}, *alone);
  EXPECT_EQ(scores.scores.size(), 2u);
}

TEST_F(AnswersTest, TheTaskSaysHowCandidatesAreScored) {
  data::TaskOptions options = tiny_task().options();
  options.score = Score::kByteMean;
  const data::Task task = with(options);
  const data::Dataset dataset = tiny_dataset(task, 3, 8);
  const auto alone = comm::make_single();
  const Scores by_task =
      answer_examples(with_prompt(backbone_, std::nullopt), task, dataset, {}, *alone);
  const Scores by_byte = score_candidates(with_prompt(backbone_, std::nullopt), tiny_task(),
                                          dataset, {.score = Score::kByteMean}, *alone);
  EXPECT_EQ(by_task.scores, by_byte.scores);
  const Scores sums = answer_examples(with_prompt(backbone_, std::nullopt), task, dataset,
                                      {.score = Score::kSum}, *alone);
  EXPECT_NE(by_task.scores, sums.scores) << "eval.score comes before task.score";
  EXPECT_EQ(sums.texts[0], sums.predictions[0] == 0 ? "good" : "bad");
}

TEST_F(AnswersTest, AGeneratedTextIsTheLabelThatItSpells) {
  std::string said;
  const data::Task task = task_of_what_is_said(said);
  const data::Dataset dataset = tiny_dataset(task, 3, 8);
  const auto alone = comm::make_single();
  const SplitResult result =
      evaluate(with_prompt(backbone_, std::nullopt), task, dataset, {}, *alone);
  ASSERT_FALSE(data::stripped(said).empty());
  EXPECT_TRUE(result.scores.scores.empty());
  EXPECT_EQ(result.scores.texts[0], said);
  EXPECT_EQ(result.scores.predictions[0], 0) << "white space at the ends is not looked at";
  double right = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const bool same = data::stripped(result.scores.texts[i]) == data::stripped(said);
    EXPECT_EQ(result.scores.predictions[i], same ? 0 : -1);
    right += same && dataset[static_cast<std::int64_t>(i)].label == 0 ? 1 : 0;
  }
  ASSERT_EQ(result.metrics.size(), 1u);
  EXPECT_DOUBLE_EQ(result.metrics[0].second, right / 3);
  ASSERT_EQ(result.intervals.size(), 1u);
  EXPECT_LT(result.intervals[0].second.low, right / 3);
}

TEST_F(AnswersTest, RanksShareWhatIsToBeGenerated) {
  std::string said;
  const data::Task task = task_of_what_is_said(said);
  const data::Dataset dataset = tiny_dataset(task, 7, 8);
  const auto alone = comm::make_single();
  const Scores whole =
      answer_examples(with_prompt(backbone_, std::nullopt), task, dataset, {}, *alone);
  for (const int ranks : {2, 3}) {
    comm::run_on_threads(ranks, [&](comm::Communicator& world) {
      at::set_num_threads(1);
      std::vector<std::int64_t> told;
      const Scores part =
          answer_examples(with_prompt(backbone_, std::nullopt), task, dataset, {.batch_tokens = 50},
                          world, [&](std::int64_t done, std::int64_t) { told.push_back(done); });
      EXPECT_EQ(part.texts, whole.texts);
      EXPECT_EQ(part.predictions, whole.predictions);
      EXPECT_EQ(told.empty(), world.rank() != 0);
      if (!told.empty()) {
        EXPECT_EQ(told.back(), 7);
      }
    });
  }
}

TEST_F(AnswersTest, AReferentIsTrueFalseOrNeither) {
  data::TaskOptions options = tiny_task().options();
  options.verbalizer.clear();
  options.labels = {"false", "true"};
  options.target = " {who}";
  options.answer_rule = data::AnswerRule::kReferent;
  const data::Task task = with(options);
  const data::Example example = task.question(
      data::Record(R"({"text": "The *it* was heavy.", "who": "the iron gate"})", "w.jsonl", 1));
  EXPECT_EQ(label_of_answer(task, example, "Gate"), 1);
  EXPECT_EQ(label_of_answer(task, example, "the wooden bridge"), 0);
  EXPECT_EQ(label_of_answer(task, example, " the "), -1);
}

TEST_F(AnswersTest, FreeAnswersAreMeasuredByTextAndOnRequestByLoss) {
  data::TaskOptions options = tiny_generation_task().options();
  options.metrics = {};
  EXPECT_THAT(metric_names(with(options)), ElementsAre("text_f1", "text_exact_match"));
  options.metrics = {"chrf", "loss", "text_exact_match"};
  options.max_answer_tokens = 3;
  const data::Task task = with(options);
  const data::Dataset dataset = tiny_dataset(task, 3, 8);
  const auto alone = comm::make_single();
  const methods::PromptedModel model = with_prompt(backbone_, std::nullopt);
  const SplitResult result = evaluate(model, task, dataset, {}, *alone);
  ASSERT_EQ(result.metrics.size(), 3u);
  EXPECT_EQ(result.metrics[1].first, "loss");
  EXPECT_EQ(result.scores.texts.size(), 3u);
  ASSERT_EQ(result.intervals.size(), 2u);
  EXPECT_LE(result.intervals[0].second.low, result.metrics[0].second);
  options.metrics = {"loss"};
  const SplitResult loss = evaluate(model, with(options), dataset, {}, *alone);
  EXPECT_EQ(loss.metrics[0].second, result.metrics[1].second);
  EXPECT_TRUE(loss.scores.texts.empty()) << "nothing needs to be generated";
}

TEST_F(AnswersTest, ParityNeedsWholePairs) {
  data::TaskOptions options = tiny_task().options();
  options.metrics = {"accuracy", "gender_parity"};
  const data::Task task = with(options);
  const auto alone = comm::make_single();
  EXPECT_THROW((void)evaluate(with_prompt(backbone_, std::nullopt), task, tiny_dataset(task, 3, 8),
                              {}, *alone),
               DataError);
  const SplitResult result =
      evaluate(with_prompt(backbone_, std::nullopt), task, tiny_dataset(task, 4, 8), {}, *alone);
  EXPECT_EQ(result.metrics.size(), 2u);
  EXPECT_EQ(result.intervals.size(), 2u);
}

}  // namespace
}  // namespace incipit::eval
