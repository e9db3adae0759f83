#include "configs/run_config.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "configs/builtin.h"
#include "core/error.h"
#include "core/random.h"

namespace incipit::configs {
namespace {

using ::testing::HasSubstr;

constexpr const char* kRun = R"(
run: {name: demo, output_dir: runs/demo, seed: 17}
model: {path: models/some, dtype: bfloat16}
parallel: {data: auto, tensor: 1, pipeline: 1, fsdp: false, backend: auto}
method:
  kind: prompt_tuning
  num_virtual_tokens: 20
  init: {kind: random_uniform, scale: 0.5}
task:
  data_dir: data
  train: train.jsonl
  validation: 0.1
  test: val.jsonl
  format: raw
  template: "{premise}\nIs it so that {hypothesis}?"
  verbalizer: {entailment: " Yes", not_entailment: " No"}
  max_source_tokens: 256
  truncate: {field: premise}
  bos: auto
  shots: 0
train:
  steps: 300
  batch_size: 32
  micro_batch_tokens: 8192
  loss: candidates
  shuffle: true
  optimizer: {kind: adamw, lr: 0.01, weight_decay: 0.0}
  schedule: {kind: constant, warmup_steps: 0}
  eval_every: 100
  checkpoint_every: 100
eval: {batch_tokens: 8192, score: token_mean}
metrics: {listen: "127.0.0.1:9400"}
log: {level: warn}
)";

TEST(RunConfig, ReadsTheNamesThatOtherToolsRelyOn) {
  const RunConfig config = parse_run_config(kRun, "demo.yaml");
  EXPECT_EQ(config.run.name, "demo");
  EXPECT_EQ(config.model.dtype, model::Dtype::kBFloat16);
  EXPECT_EQ(config.parallel.data, 0);
  EXPECT_EQ(config.method.num_virtual_tokens, 20);
  EXPECT_EQ(config.method.init.kind, methods::InitKind::kRandomUniform);
  EXPECT_EQ(config.method.init.scale, "0.5");
  EXPECT_EQ(config.task.validation.share, 0.1);
  EXPECT_EQ(config.task.truncate.field, "premise");
  ASSERT_EQ(config.task.verbalizer.size(), 2u);
  EXPECT_EQ(config.task.verbalizer[1].text, " No");
  EXPECT_EQ(config.train.loss, trainer::Loss::kCandidates);
  EXPECT_EQ(config.train.optimizer.lr, 0.01);
  EXPECT_EQ(config.eval.score, eval::Score::kTokenMean);
  EXPECT_EQ(config.metrics.listen, "127.0.0.1:9400");
  EXPECT_EQ(config.log.level, "warn");
}

TEST(RunConfig, DefaultsTheRunDirectoryToTheName) {
  const RunConfig config = parse_run_config("model: {path: m}\n", "mine");
  EXPECT_EQ(config.run.name, "mine");
  EXPECT_EQ(config.run.output_dir, "runs/mine");
}

TEST(RunConfig, ResolvedYamlReadsBackToTheSame) {
  const std::vector<std::string> variants{
      "task.truncate=source_head",
      "task.validation=dev.jsonl",
      "parallel.data=4",
      "task.system=\"a \\\"quoted\\\" \\\\ line\\n\\ttab and \\x01 ümlaut\"",
      "task.verbalizer={\"true\": \"yes\", \"0\": \" 10\", \"a: b\": \"#c\"}",
      "train.optimizer.lr=0.30000000000000004",
      "method.init.scale=lester",
      "task.metrics=[accuracy, f1]",
      "run.name=\"17\"",
      "run.name=\"no\"",
      "task.data_dir=\"~/x y\""};
  std::vector<std::string> overrides;
  for (const std::string& each : variants) {
    overrides.push_back(each);
    const RunConfig config = parse_run_config(kRun, "demo.yaml", overrides);
    const std::string resolved = resolved_yaml(config);
    const RunConfig again = parse_run_config(resolved, "resolved.yaml");
    EXPECT_EQ(resolved_yaml(again), resolved) << each;
    EXPECT_EQ(again.task.verbalizer, config.task.verbalizer);
    EXPECT_EQ(again.task.system, config.task.system);
    EXPECT_EQ(again.task.source_template, config.task.source_template);
    EXPECT_EQ(again.train.optimizer.lr, config.train.optimizer.lr);
    EXPECT_EQ(again.run.name, config.run.name);
    EXPECT_EQ(again.task.data_dir, config.task.data_dir);
  }
}

TEST(RunConfig, ReportsEveryMistakeOfFileOverrideAndCheck) {
  const auto check = [](const RunConfig&, const Report& report) {
    report("train.loss", "does not suit the task");
    report("train.max_grad_norm", "not given, so told at its block");
  };
  try {
    (void)parse_run_config("model: {path: 5}\ntrain:\n  loss: candidates\n", "bad.yaml",
                           {"log.level=loud"}, check);
    FAIL() << "mistakes went unnoticed";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(
        error.what(),
        "the configuration has 4 mistakes\n"
        "  bad.yaml:1:15: model.path: expected text, found the number 5 (text that looks "
        "like this needs quotes)\n"
        "  bad.yaml:2:1: train.max_grad_norm: not given, so told at its block\n"
        "  bad.yaml:3:3: train.loss: does not suit the task\n"
        "  --set log.level=loud: log.level: expected debug, info, warn or error, found the "
        "text 'loud'");
  }
}

TEST(RunConfig, AnOverrideCanReplaceOneVerbalizer) {
  const RunConfig config =
      parse_run_config(kRun, "demo.yaml", {"task.verbalizer.not_entailment=\" Nope\""});
  ASSERT_EQ(config.task.verbalizer.size(), 2u);
  EXPECT_EQ(config.task.verbalizer[0].text, " Yes");
  EXPECT_EQ(config.task.verbalizer[1].text, " Nope");
}

TEST(RunConfig, RefusesWhatTruncateAndValidationDoNotKnow) {
  const auto read = [](const std::string& assignment) -> std::string {
    try {
      (void)parse_run_config("model: {path: m}\n", "a.yaml", {assignment});
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(read("task.truncate=head"),
              HasSubstr("expected source_head, none or {field: FIELD}"));
  EXPECT_THAT(read("task.truncate={fields: a}"), HasSubstr("found a block of keys"));
  EXPECT_THAT(read("task.validation=1.5"), HasSubstr("a share of train"));
  EXPECT_THAT(read("task.validation=[a]"), HasSubstr("expected a file or a share"));
  EXPECT_THAT(read("task.verbalizer=[a]"), HasSubstr("expected {LABEL: TEXT, ...}"));
  EXPECT_THAT(read("task.verbalizer={a: 5}"), HasSubstr("task.verbalizer.a: expected text"));
}

// Damaged text is read or refused, never anything else.
TEST(RunConfig, DamagedTextEndsInAConfigErrorAtWorst) {
  const std::string whole = kRun;
  const std::string pieces = "{}[]:,&*!|>'\"%@`#-? \n\t\\01ae\xC3\xFF";
  Random random(3);
  int read = 0;
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string text =
        whole.substr(0, random.below(4) == 0 ? random.below(whole.size()) : whole.size());
    for (std::uint64_t edits = 1 + random.below(4); edits > 0 && !text.empty(); --edits) {
      const std::size_t at = random.below(text.size());
      if (random.below(2) == 0) {
        text[at] = pieces[random.below(pieces.size())];
      } else {
        text.insert(at, 1, pieces[random.below(pieces.size())]);
      }
    }
    try {
      (void)parse_run_config(text, "damaged.yaml");
      ++read;
    } catch (const ConfigError&) {
      ++refused;
    }
  }
  EXPECT_GT(read, 50);
  EXPECT_GT(refused, 2000);
}

TEST(RunConfig, DeepNestingIsRefused) {
  EXPECT_THROW((void)parse_run_config("run: " + std::string(100'000, '['), "deep.yaml"),
               ConfigError);
  EXPECT_THROW((void)parse_run_config("run: " + std::string(100'000, '{'), "deep.yaml"),
               ConfigError);
}

class TaskFileTest : public ::testing::Test {
 protected:
  TaskFileTest()
      : path_(std::filesystem::path(::testing::TempDir()) /
              ("task_" + std::to_string(::getpid()) + ".yaml")) {}
  ~TaskFileTest() override { std::filesystem::remove(path_); }

  RunConfig read(const std::string& task_file, const std::string& task_keys,
                 const std::vector<std::string>& overrides = {}) {
    std::ofstream(path_) << task_file;
    return parse_run_config("model: {path: m}\ntask:\n  name: " + path_.string() + "\n" + task_keys,
                            "run.yaml", overrides);
  }

  std::filesystem::path path_;
};

TEST_F(TaskFileTest, GivesDefaultsThatTheRunsOwnKeysReplace) {
  const RunConfig config =
      read("template: \"{a}\"\ntrain: a.jsonl\ntest: b.jsonl\nverbalizer: {x: \" 1\", y: \" 2\"}\n",
           "  train: mine.jsonl\n  verbalizer: {z: \" 3\"}\n", {"task.test=c.jsonl"});
  EXPECT_EQ(config.task.source_template, "{a}");
  EXPECT_EQ(config.task.train, "mine.jsonl");
  EXPECT_EQ(config.task.test, "c.jsonl");
  ASSERT_EQ(config.task.verbalizer.size(), 1u);
  EXPECT_EQ(config.task.verbalizer[0].label, "z");
}

TEST_F(TaskFileTest, IsReadAsStrictlyAsTheRun) {
  try {
    (void)read("tempalte: \"{a}\"\n", "");
    FAIL() << "an unknown key went unnoticed";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr(path_.string() + ":1:1: unknown key 'task.tempalte'; did you mean "
                                           "'template'?"));
  }
}

TEST_F(TaskFileTest, NamesTheKeyThatAsksForAMissingFile) {
  try {
    (void)parse_run_config("model: {path: m}\ntask:\n  name: ./missing.yaml\n", "run.yaml");
    FAIL() << "a missing task file went unnoticed";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("run.yaml:3:9: task.name: "));
    EXPECT_THAT(error.what(), HasSubstr("./missing.yaml"));
  }
}

TEST(BuiltinTasks, AreReadableAndDescribed) {
  for (const BuiltinFile& task : builtin_tasks()) {
    EXPECT_NE(task.description(), "") << task.name;
    const std::string name(task.name);
    EXPECT_EQ(parse_run_config("model: {path: m}\ntask: {name: " + name + "}\n", "a").task.name,
              name);
  }
}

TEST(BuiltinRecipes, AreReadableByNameAndDescribed) {
  for (const BuiltinFile& recipe : builtin_recipes()) {
    EXPECT_NE(recipe.description(), "") << recipe.name;
    EXPECT_NO_THROW((void)load_run_config(std::string(recipe.name))) << recipe.name;
  }
}

TEST(BuiltinTasks, AnUnknownNameIsRefused) {
  try {
    (void)parse_run_config("model: {path: m}\ntask: {name: no_such_task}\n", "run.yaml");
    FAIL() << "an unknown task went unnoticed";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("run.yaml:2:14: task.name: no built-in task is called 'no_such_task'"));
  }
}

constexpr const char* kTasks = R"(
model: {path: m}
tasks:
  rte: {data_dir: here, test: ""}
  mine:
    template: "{a}"
    verbalizer: {z: " Z"}
    train: mine.jsonl
mixture: {sampling: temperature, temperature: 3, max_size: 100, prompts: shared}
)";

TEST(Tasks, EachBlockHasTheKeysOfTaskAndABuiltInTaskOfItsName) {
  const RunConfig config = parse_run_config(kTasks, "run.yaml", {"tasks.mine.test=t.jsonl"});
  ASSERT_EQ(config.tasks.size(), 2u);
  const RunConfig single = parse_run_config("model: {path: m}\ntask: {name: rte}\n", "one");
  EXPECT_EQ(config.tasks[0].name, "rte");
  EXPECT_EQ(config.tasks[0].options.name, "rte");
  EXPECT_EQ(config.tasks[0].options.source_template, single.task.source_template);
  EXPECT_EQ(config.tasks[0].options.verbalizer, single.task.verbalizer);
  EXPECT_EQ(config.tasks[0].options.data_dir, "here");
  EXPECT_EQ(config.tasks[0].options.test, "");
  EXPECT_EQ(config.tasks[1].options.name, "");
  EXPECT_EQ(config.tasks[1].options.train, "mine.jsonl");
  EXPECT_EQ(config.tasks[1].options.test, "t.jsonl");
  EXPECT_EQ(config.mixture.sampling, data::Sampling::kTemperature);
  EXPECT_EQ(config.mixture.temperature, 3);
  EXPECT_EQ(config.mixture.max_size, 100);
  EXPECT_EQ(config.mixture.prompts, data::MixturePrompts::kShared);
}

TEST(Tasks, TheResolvedConfigurationReadsBackToTheSame) {
  const std::string text = resolved_yaml(parse_run_config(kTasks, "run.yaml"));
  EXPECT_EQ(resolved_yaml(parse_run_config(text, "again.yaml")), text);
}

TEST(Tasks, OneOfThemCanBePicked) {
  RunConfig config = parse_run_config(kTasks, "run.yaml");
  EXPECT_EQ(task_names(config), "rte, mine");
  EXPECT_EQ(pick_task(config, "mine").task.train, "mine.jsonl");
  EXPECT_EQ(pick_task(config, "mine").picked, "");  // they share a prompt
  config.mixture.prompts = data::MixturePrompts::kPerTask;
  EXPECT_EQ(pick_task(config, "mine").picked, "mine");
  EXPECT_TRUE(pick_task(config, "mine").tasks.empty());
  config.mixture.prompts = data::MixturePrompts::kShared;
  config.method.kind = "multitask_prompt_tuning";
  EXPECT_FALSE(has_several_prompts(config));
  EXPECT_TRUE(has_several_adapters(config));
  EXPECT_EQ(pick_task(config, "mine").picked, "mine");
  EXPECT_EQ(pick_task(config, "mine").method.tasks, std::vector<std::string>{"mine"});
  config.mixture.prompts = data::MixturePrompts::kPerTask;
  config.method.kind = "prompt_tuning";
  for (const char* name : {"", "cb"}) {
    try {
      (void)pick_task(config, name);
      FAIL() << "nothing thrown";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr("rte, mine"));
      EXPECT_THAT(error.what(), HasSubstr("--task"));
    }
  }
}

TEST(Tasks, MistakesAreNamedWithTheirPlace) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"tasks: {rte: {data_dirr: x}}",
       "run.yaml:2:15: unknown key 'tasks.rte.data_dirr'; did you "
       "mean 'data_dir'?"},
      {"tasks: {rte: {shots: many}}", "run.yaml:2:22: tasks.rte.shots: expected"},
      {"tasks: {}", "run.yaml:2:8: tasks: expected a block for each task"},
      {"tasks: rte", "run.yaml:2:8: tasks: expected a block for each task"},
      {"tasks: {rte: 3}", "run.yaml:2:14: tasks.rte: expected a block of keys"},
      {"tasks: {a.b: {template: x}}", "run.yaml:2:9: tasks: 'a.b' cannot name a task"},
      {"tasks: {ret: {data_dir: x}}",
       "run.yaml:2:14: tasks.ret: no built-in task is called 'ret'; "
       "did you mean 'rte'?"},
      {"tasks: {rte: {name: nope}}", "run.yaml:2:21: tasks.rte.name: no built-in task is called"},
      {"tasks: {rte: {data_dir: x}}\ntask: {name: cb}",
       "run.yaml:3:1: task: the configuration has tasks, too (rte)"},
      {"mixture: {temperature: 0.5}", "run.yaml:2:24: mixture.temperature: "}};
  for (const auto& [yaml, message] : cases) {
    try {
      (void)parse_run_config("model: {path: m}\n" + yaml + "\n", "run.yaml");
      FAIL() << yaml << " was read";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(message)) << yaml;
    }
  }
}

}  // namespace
}  // namespace incipit::configs
