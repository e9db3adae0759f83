#include "configs/sweep_options.h"

#include <gmock/gmock.h>

#include "configs/run_config.h"
#include "core/error.h"

namespace incipit::configs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RunConfig sweep_of(const std::string& block) {
  return parse_run_config(
      "run: {seed: 17}\n"
      "model: {path: m}\n"
      "method: {num_virtual_tokens: 8, init: {kind: sampled_vocab, text: Answer, path: a.npy}}\n"
      "task: {template: '{text}'}\n"
      "train: {optimizer: {lr: 0.5}}\n" +
          block,
      "run.yaml");
}

std::vector<std::string> names_of(const std::vector<SweepMember>& members) {
  std::vector<std::string> names;
  for (const SweepMember& member : members) names.push_back(member.name);
  return names;
}

std::string problem_of(const std::string& block) {
  try {
    const auto problems = validate(sweep_of(block).sweep);
    return problems.empty() ? "" : problems.front().key + " " + problems.front().message;
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(Sweep, HasEveryCombinationWithTheSeedsOfASettingTogether) {
  const auto all =
      members(sweep_of("sweep: {num_virtual_tokens: [5, 20], lr: [0.3], seed: [1, 2]}"));
  EXPECT_THAT(names_of(all), ElementsAre("tokens5-lr0.3-seed1", "tokens5-lr0.3-seed2",
                                         "tokens20-lr0.3-seed1", "tokens20-lr0.3-seed2"));
  EXPECT_EQ(all[3].setting, "tokens20-lr0.3");
  EXPECT_EQ(all[3].method.num_virtual_tokens, 20);
  EXPECT_EQ(all[3].lr, 0.3);
  EXPECT_EQ(all[3].seed, 2u);
}

TEST(Sweep, TakesFromTheRunWhatDoesNotVary) {
  const auto all = members(sweep_of("sweep: {seed: [1, 2]}"));
  EXPECT_THAT(names_of(all), ElementsAre("seed1", "seed2"));
  EXPECT_EQ(all[0].setting, "");
  EXPECT_EQ(all[0].lr, 0.5);
  EXPECT_EQ(all[0].method.num_virtual_tokens, 8);
  EXPECT_EQ(all[0].method.init.kind, methods::InitKind::kSampledVocab);
  EXPECT_EQ(members(sweep_of("sweep: {lr: [0.1, 0.2]}"))[1].seed, 17u);
  EXPECT_THAT(members(sweep_of("")), IsEmpty());
}

TEST(Sweep, GivesAnInitialiserItsOwnSettingsOnly) {
  const auto all = members(sweep_of("sweep: {init: [text, file, class_labels]}"));
  EXPECT_THAT(names_of(all), ElementsAre("text", "file", "class_labels"));
  EXPECT_EQ(all[0].method.init.text, "Answer");
  EXPECT_EQ(all[0].method.init.path, "");
  EXPECT_EQ(all[1].method.init.text, "");
  EXPECT_EQ(all[1].method.init.path, "a.npy");
  EXPECT_EQ(all[2].method.init.text + all[2].method.init.path, "");
}

TEST(Sweep, RefusesWhatIsNone) {
  EXPECT_THAT(problem_of("sweep: {lr: [0.1]}"), HasSubstr("single member"));
  EXPECT_EQ(problem_of("sweep: {seed: [1, 2, 1]}"), "seed has a value twice");
  EXPECT_THAT(problem_of("sweep: {lr: [0.1, fast]}"), HasSubstr("sweep.lr[1]"));
  EXPECT_THAT(problem_of("sweep: {num_virtual_tokens: [0, 1]}"),
              HasSubstr("sweep.num_virtual_tokens[0]"));
  EXPECT_THAT(problem_of("sweep: {init: random}"), HasSubstr("sweep.init"));
  EXPECT_EQ(problem_of("sweep: {lr: [0.1, 0.2]}"), "");
}

TEST(Sweep, ReadsBackFromTheResolvedConfiguration) {
  const RunConfig config = sweep_of("sweep: {init: [text, normal], lr: [0.1, 1e-5], seed: [3, 4]}");
  const RunConfig again = parse_run_config(resolved_yaml(config), "config.yaml");
  EXPECT_EQ(names_of(members(again)), names_of(members(config)));
}

TEST(Sweep, AMemberCanBePickedLikeATask) {
  const RunConfig config = sweep_of("sweep: {num_virtual_tokens: [5, 20], lr: [0.1, 0.2]}");
  EXPECT_EQ(all_tasks(config).size(), 4u);
  EXPECT_TRUE(has_several_prompts(config));
  const RunConfig member = pick_task(config, "tokens20-lr0.1");
  EXPECT_EQ(member.method.num_virtual_tokens, 20);
  EXPECT_EQ(member.train.optimizer.lr, 0.1);
  EXPECT_EQ(member.run.seed, 17u);
  EXPECT_EQ(member.picked, "tokens20-lr0.1");
  EXPECT_TRUE(member.sweep.empty());
  try {
    (void)pick_task(config, "");
    FAIL() << "a member was picked";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("members of a sweep"));
    EXPECT_THAT(error.what(), HasSubstr("tokens5-lr0.2"));
  }
}

}  // namespace
}  // namespace incipit::configs
