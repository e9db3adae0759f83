#include "trainer/train_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "eval/eval_options.h"

namespace incipit::trainer {
namespace {

using ::testing::Field;
using ::testing::UnorderedElementsAre;

TEST(TrainOptions, DefaultsAreValid) {
  EXPECT_TRUE(validate(TrainOptions{}).empty());
  EXPECT_TRUE(validate(eval::EvalOptions{}).empty());
}

TEST(TrainOptions, EveryProblemIsReportedAtOnceUnderItsKey) {
  TrainOptions options;
  options.batch_size = 0;
  options.optimizer.lr = -1;
  options.optimizer.beta2 = 1;
  options.optimizer.factored_eps = 0;
  options.schedule.warmup_steps = 301;
  options.max_grad_norm = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(validate(options),
              UnorderedElementsAre(Field(&OptionProblem::key, "batch_size"),
                                   Field(&OptionProblem::key, "optimizer.lr"),
                                   Field(&OptionProblem::key, "optimizer.beta2"),
                                   Field(&OptionProblem::key, "optimizer.factored_eps"),
                                   Field(&OptionProblem::key, "schedule.warmup_steps"),
                                   Field(&OptionProblem::key, "max_grad_norm")));
}

TEST(TrainOptions, AMessageSaysWhatWasExpectedAndFound) {
  TrainOptions options;
  options.optimizer.momentum = 1.5;
  const auto problems = validate(options);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].message, "must be in [0, 1), is 1.5");
}

TEST(TrainOptions, EarlyStopNeedsEvaluations) {
  TrainOptions options;
  options.eval_every = 0;
  options.early_stop.patience = 3;
  ASSERT_EQ(validate(options).size(), 1u);
  EXPECT_EQ(validate(options)[0].key, "early_stop.patience");
}

TEST(EvalOptions, BatchOfNoTokensIsRefused) {
  const auto problems = validate(eval::EvalOptions{.batch_tokens = 0});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].key, "batch_tokens");
  EXPECT_EQ(problems[0].message, "must be at least 1, is 0");
}

}  // namespace
}  // namespace incipit::trainer
