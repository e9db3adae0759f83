#include "launcher/check_options.h"

#include <gmock/gmock.h>

namespace incipit::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A run that nothing is wrong with.
configs::RunConfig good_run() {
  configs::RunConfig config;
  config.model.path = "model";
  config.task.train = "train.jsonl";
  config.task.source_template = "{text}";
  config.task.verbalizer = {{"yes", " Yes"}, {"no", " No"}};
  return config;
}

template <typename Check>
std::vector<std::string> keys(const Check& check, const configs::RunConfig& config) {
  std::vector<std::string> keys;
  check(config, [&](const std::string& key, const std::string&) { keys.push_back(key); });
  return keys;
}

TEST(CheckOptions, FindsNothingInAGoodRun) {
  EXPECT_THAT(keys(check_training_options, good_run()), IsEmpty());
}

TEST(CheckOptions, InputsShareTheirExamplesWhereTheNearestAreUnknown) {
  configs::RunConfig config = good_run();
  config.task.shots = 2;
  config.task.shot_choice = data::ShotChoice::kNearest;
  EXPECT_THAT(keys(check_options, config), IsEmpty());
  EXPECT_THAT(keys(check_shared_options, config), ElementsAre("task.shot_choice"));
  EXPECT_THAT(keys(check_training_options, config), ElementsAre("task.shot_choice"));
  config.eval.score = data::Score::kPmi;
  EXPECT_THAT(keys(check_options, config), ElementsAre("task.shot_choice"));
  config.task.shot_lines.places = {{1, 0}, {2, 0}};
  EXPECT_THAT(keys(check_training_options, config), IsEmpty()) << "the given examples are shown";
}

TEST(CheckOptions, NamesKeysFromTheRoot) {
  configs::RunConfig config = good_run();
  config.train.schedule.warmup_steps = config.train.steps + 1;
  config.task.source_template = "{text";
  config.method.init.scale = "large";
  EXPECT_THAT(keys(check_options, config),
              ElementsAre("method.init.scale", "task.template", "train.schedule.warmup_steps"));
}

TEST(CheckOptions, SplitLayersMayBeSharded) {
  configs::RunConfig config = good_run();
  config.parallel.tensor = 2;
  config.parallel.fsdp = 0;
  EXPECT_THAT(keys(check_options, config), ElementsAre());
  config.parallel.fsdp = -1;
  EXPECT_THAT(keys(check_options, config), ElementsAre("parallel.fsdp"));
}

TEST(CheckTrainingOptions, AskForWhatTrainingNeeds) {
  configs::RunConfig config = good_run();
  config.method.kind = methods::kNoMethod;
  config.task.train.clear();
  config.task.validation = {.file = "", .share = 0};
  EXPECT_THAT(keys(check_training_options, config),
              ElementsAre("method.kind", "task.train", "train.eval_every"));
  config.train.eval_every = 0;
  EXPECT_THAT(keys(check_training_options, config), ElementsAre("method.kind", "task.train"));
}

TEST(CheckTrainingOptions, LabelsAreNeededWhereLabelsAreUsed) {
  configs::RunConfig config = good_run();
  config.task.verbalizer.clear();
  config.task.target = "{answer}";
  config.train.loss = trainer::Loss::kCandidates;
  EXPECT_THAT(keys(check_training_options, config), ElementsAre("train.loss"));
  config.train.loss = trainer::Loss::kTargetTokens;
  EXPECT_THAT(keys(check_training_options, config), IsEmpty());
  config.method.init.kind = methods::InitKind::kClassLabels;
  EXPECT_THAT(keys(check_training_options, config), ElementsAre("method.init.kind"));
}

TEST(CheckTrainingOptions, ExamplesOfAMixtureAreNotDrawn) {
  configs::RunConfig config = good_run();
  config.train.examples = 20;
  EXPECT_THAT(keys(check_training_options, config), IsEmpty());
  config.tasks = {{"a", config.task}, {"b", config.task}};
  EXPECT_THAT(keys(check_training_options, config), ElementsAre("train.examples"));
  config.train.examples = -1;
  EXPECT_THAT(keys(check_options, config), ElementsAre("train.examples"));
}

TEST(CheckSweep, NeedsPromptsOfOneTask) {
  configs::RunConfig config = good_run();
  config.sweep.lr = {0.1, 0.2};
  EXPECT_THAT(keys(check_training_options, config), IsEmpty());
  config.tasks = {{"a", config.task}, {"b", config.task}};
  EXPECT_THAT(keys(check_options, config), ElementsAre("sweep"));
  config.tasks.clear();
  config.method.kind = "model_tuning";
  EXPECT_THAT(keys(check_options, config), ElementsAre("sweep"));
  config.method.kind = "lora";
  EXPECT_THAT(keys(check_options, config), IsEmpty());
  config.sweep.num_virtual_tokens = {1, 2};
  EXPECT_THAT(keys(check_options, config), ElementsAre("sweep.num_virtual_tokens"));
}

TEST(CheckSweep, ChecksTheMethodOfEveryMember) {
  configs::RunConfig config = good_run();
  config.sweep.init = {methods::InitKind::kSampledVocab, methods::InitKind::kText};
  EXPECT_THAT(keys(check_options, config), ElementsAre("sweep"));
  config.method.init.text = "Answer";
  EXPECT_THAT(keys(check_options, config), IsEmpty());
  config.sweep.init[0] = methods::InitKind::kClassLabels;
  config.task.verbalizer.clear();
  config.task.target = "{answer}";
  EXPECT_THAT(keys(check_training_options, config), ElementsAre("method.init.kind"));
  config.sweep.init[0] = methods::InitKind::kAuto;
  EXPECT_THAT(keys(check_training_options, config), IsEmpty());
}

}  // namespace
}  // namespace incipit::launcher
