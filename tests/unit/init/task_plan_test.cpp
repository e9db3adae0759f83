#include "init/task_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "configs/run_config.h"
#include "core/error.h"
#include "init/files.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_task.h"

namespace incipit::init {
namespace {

using incipit::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

LabelledTable table_of(std::vector<std::string> columns) {
  LabelledTable table{.file = "t.csv",
                      .text_columns = std::move(columns),
                      .label_column = "support_team",
                      .labels = {"aa {xx}", "bb"},
                      .rows = {}};
  for (std::int64_t i = 0; i < 20; ++i) {
    LabelledText row{.number = i, .line = i + 2, .texts = {}, .label = static_cast<int>(i % 2)};
    for (std::size_t c = 0; c < table.text_columns.size(); ++c) {
      row.texts.emplace_back(static_cast<std::size_t>(i) + 20 * c, 'x');
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

constexpr TokenBudget kBudget{.positions = 300, .prompt_rows = 20};

TaskPlan plan(const LabelledTable& table, const TokenBudget& budget = kBudget) {
  return plan_task(table, *testing_support::byte_tokenizer(), budget);
}

TEST(FieldNames, AvoidTheNamesThatAreTaken) {
  EXPECT_EQ(free_name("label", {"text", "label"}), "label_");
  EXPECT_EQ(free_name("idx", {"idx", "idx_"}), "idx__");
  const TaskPlan made = plan(table_of({"label", "idx"}));
  EXPECT_THAT(made.fields, ElementsAre("label", "idx"));
  EXPECT_EQ(made.options.label_field, "label_");
  EXPECT_THAT(made.options.id_fields, ElementsAre("idx_"));
}

TEST(FieldNames, ThatATemplateCannotHaveAreRefused) {
  for (const char* column : {"Subject|Body", "{text}", "x}y"}) {
    EXPECT_THAT(message_of<ConfigError>([&] { (void)plan(table_of({column})); }),
                HasSubstr("'" + std::string(column) + "' cannot be named in a template"));
  }
}

TEST(PlanTask, AsksPlainlyAndSaysWhatLettersStandFor) {
  const TaskPlan made = plan(table_of({"customer_mail"}));
  EXPECT_EQ(made.options.source_template,
            "Choose the support team.\nA = aa {{xx}}\nB = bb\nCustomer mail: {customer_mail}\n"
            "Support team:\n");
  EXPECT_THAT(made.options.metrics, ElementsAre("accuracy", "macro_f1"));
}

TEST(PlanTask, ListsTheWordsThatMayBeSaid) {
  LabelledTable table = table_of({"text"});
  table.labels = {"0", "1"};
  EXPECT_EQ(plan(table).options.source_template,
            "Choose the support team: 0 or 1.\nText: {text}\nSupport team:\n");
}

TEST(PlanTask, CutsTheLongestColumnAndLeavesRoomForTheLongestText) {
  const TaskPlan made = plan(table_of({"subject", "body"}));
  EXPECT_EQ(made.options.truncate.field, "body");
  // "Choose the support team.\nA = aa {xx}\nB = bb\n" 44, "Subject: " and "Body: " with line ends
  // 17, "Support team:\n" 14, and up to 19 + 39 of text.
  EXPECT_EQ(made.lengths.longest, 44 + 17 + 14 + 19 + 39);
  EXPECT_EQ(made.lengths.median, 44 + 17 + 14 + 10 + 30);
  EXPECT_EQ(made.options.max_source_tokens, 160);
}

TEST(PlanTask, KeepsWithinTheModelsPositions) {
  const TaskPlan made = plan(table_of({"subject", "body"}), {.positions = 140, .prompt_rows = 20});
  EXPECT_EQ(made.options.max_source_tokens, 140 - 20 - 1 - 1);
}

TEST(PlanTask, LeavesTheOptionsOutWhereTheyDoNotFit) {
  const TaskPlan made = plan(table_of({"text"}), {.positions = 92, .prompt_rows = 20});
  EXPECT_THAT(made.options.source_template, Not(HasSubstr("A =")));
}

TEST(PlanTask, RefusesRecordsThatCannotFit) {
  EXPECT_THAT(message_of<DataError>([] {
                (void)plan(table_of({"subject", "body"}), {.positions = 80, .prompt_rows = 20});
              }),
              HasSubstr("t.csv:21: without column 'body'"));
}

TEST(PlanTraining, GrowsWithTheExamplesWithinBounds) {
  const auto small = plan_training(10);
  EXPECT_EQ(small.batch_size, 10);
  EXPECT_EQ(small.steps, 100);
  EXPECT_EQ(small.eval_every, 25);
  const auto middle = plan_training(600);
  EXPECT_EQ(middle.batch_size, 16);
  EXPECT_EQ(middle.steps, 350);  // 8 passes of 38 batches are 304
  EXPECT_EQ(plan_training(100000).steps, 600);
  for (const auto& train : {small, middle, plan_training(100000)}) {
    EXPECT_TRUE(trainer::validate(train).empty());
  }
}

TEST(InitFiles, ReadBackToWhatWasPlanned) {
  const incipit::testing::TemporaryFolder folder;
  TaskPlan made = plan(table_of({"text"}));
  made.options.train = "train.jsonl";
  made.options.validation = {.file = "validation.jsonl", .share = 0};
  made.options.test = "test.jsonl";
  const auto task_file = folder.write("task.yaml", task_yaml(made.options, "A task.\nTwo lines."));
  configs::RunConfig config;
  config.run = {.name = "no", .output_dir = "runs/no", .seed = 3};
  config.model.path = "a model: \"x\"";
  config.method.num_virtual_tokens = 7;
  config.task.name = task_file.string();
  config.task.data_dir = folder.path().string();
  config.train = plan_training(50);
  config.eval.score = eval::Score::kTokenMean;
  const auto run_file = folder.write("run.yaml", run_yaml(config, "A run."));

  const configs::RunConfig read = configs::load_run_config(run_file.string());
  EXPECT_EQ(read.run.name, "no");
  EXPECT_EQ(read.run.seed, 3u);
  EXPECT_EQ(read.model.path, config.model.path);
  EXPECT_EQ(read.method.num_virtual_tokens, 7);
  EXPECT_EQ(read.train.steps, config.train.steps);
  EXPECT_EQ(read.eval.score, eval::Score::kTokenMean);
  EXPECT_EQ(read.task.source_template, made.options.source_template);
  EXPECT_EQ(read.task.verbalizer, made.options.verbalizer);
  EXPECT_EQ(read.task.validation.file, "validation.jsonl");
  EXPECT_EQ(read.task.truncate.field, "text");
  EXPECT_EQ(read.task.max_source_tokens, made.options.max_source_tokens);
}

TEST(InitFiles, SplitsHoldTheirRowsAsJson) {
  LabelledTable table = table_of({"text"});
  table.rows[3].texts[0] = "\"ü\"\n,";
  const TaskPlan made = plan(table);
  std::vector<int> parts(20, 0);
  parts[3] = 2;
  EXPECT_EQ(split_lines(table, made, parts, 2),
            "{\"idx\":3,\"text\":\"\\\"ü\\\"\\n,\",\"label\":\"bb\"}\n");
  EXPECT_EQ(split_lines(table, made, parts, 1), "");
}

}  // namespace
}  // namespace incipit::init
