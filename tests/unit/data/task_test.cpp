#include "data/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

using incipit::testing::byte_ids;
using incipit::testing::message_of;
using incipit::testing::TinyModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Ids = std::vector<TokenId>;

TaskOptions options() {
  TaskOptions o;
  o.source_template = "{a} and {b}?";
  o.verbalizer = {{"y", " Yes"}, {"n", " No"}};
  return o;
}

Record record(const std::string& json) { return {json, "f.jsonl", 3}; }
Record cats() { return record(R"({"a": "cats", "b": "dogs", "label": "n", "idx": 12})"); }

Ids with(Ids ids, TokenId last) {
  ids.push_back(last);
  return ids;
}

TEST(Task, RecordBecomesSourceAndTarget) {
  const TinyModel model;
  const Task task(options(), model.task_model());
  const Example e = task.example(cats(), true);
  EXPECT_EQ(e.source, byte_ids("cats and dogs?"));
  EXPECT_EQ(e.target, byte_ids(" No"));
  EXPECT_EQ(e.label, 1);
  EXPECT_EQ(e.id, "12");
  EXPECT_EQ(e.line, 3);
  EXPECT_FALSE(e.truncated);
  ASSERT_EQ(e.candidates->size(), 2u);
  EXPECT_EQ((*e.candidates)[0].label, "y");
  EXPECT_EQ((*e.candidates)[0].text, " Yes");
  EXPECT_EQ((*e.candidates)[0].tokens, byte_ids(" Yes"));
  EXPECT_EQ(e.candidates.get(), task.example(cats(), true).candidates.get()) << "shared";
}

TEST(Task, SourceAndTargetAreTokenisedApart) {
  const TinyModel model({.adds_bos = false, .merges = {{"x", "y"}}});
  TaskOptions o = options();
  o.source_template = "{a}x";
  o.verbalizer = {{"y", "y"}, {"n", "n"}};
  const Task task(o, model.task_model());
  const Example e = task.example(record(R"({"a": "xy", "label": "y"})"), true);
  EXPECT_EQ(e.source, (Ids{TinyModel::kFirstMerge, 'x'}));
  EXPECT_EQ(e.target, Ids{'y'});
}

TEST(Task, AQuestionLooksAtNoLabel) {
  const TinyModel model;
  const Task task(options(), model.task_model());
  const Example e = task.question(record(R"({"a": "1", "b": "2", "label": "unheard of"})"));
  EXPECT_EQ(e.source, byte_ids("1 and 2?"));
  EXPECT_EQ(e.label, -1);
  EXPECT_THAT(e.target, IsEmpty());
  EXPECT_EQ(e.candidates->size(), 2u);
}

TEST(Task, LabelIsNeededOnlyWhereAskedFor) {
  const TinyModel model;
  const Task task(options(), model.task_model());
  const Record unlabelled = record(R"({"a": "1", "b": "2", "label": null})");
  const Example e = task.example(unlabelled, false);
  EXPECT_EQ(e.label, -1);
  EXPECT_THAT(e.target, IsEmpty());
  EXPECT_EQ(e.id, "");
  EXPECT_THAT(message_of<DataError>([&] { (void)task.example(unlabelled, true); }),
              HasSubstr("f.jsonl:3: the field 'label' is of type null"));
  EXPECT_THAT(
      message_of<DataError>([&] { (void)task.example(record(R"({"a": "1", "b": "2"})"), true); }),
      HasSubstr("f.jsonl:3: the record has no field 'label'"));
}

TEST(Task, GeneratedTargetsEndWithEosAndVerbalizersDoNot) {
  const TinyModel model;
  TaskOptions o = options();
  EXPECT_EQ(Task(o, model.task_model()).example(cats(), true).target, byte_ids(" No"));
  o.eos = EosPolicy::kAlways;
  const Task always(o, model.task_model());
  EXPECT_EQ(always.example(cats(), true).target, with(byte_ids(" No"), TinyModel::kEos));
  EXPECT_EQ(always.candidates()[0].tokens, with(byte_ids(" Yes"), TinyModel::kEos));

  o.verbalizer.clear();
  o.target = " {b}s";
  o.eos = EosPolicy::kAuto;
  const Task generation(o, model.task_model());
  EXPECT_TRUE(generation.generates());
  const Example e = generation.example(cats(), true);
  EXPECT_EQ(e.target, with(byte_ids(" dogss"), TinyModel::kEos));
  EXPECT_EQ(e.label, -1);
  o.eos = EosPolicy::kNone;
  EXPECT_EQ(Task(o, model.task_model()).example(cats(), true).target, byte_ids(" dogss"));
}

TEST(Task, PrefixAndSeparatorSurroundTheTexts) {
  const TinyModel model;
  TaskOptions o = options();
  o.source_prefix = "pets ";
  o.separator = "\n";
  const Task task(o, model.task_model());
  const Example e = task.example(cats(), true);
  EXPECT_EQ(e.source, byte_ids("pets cats and dogs?"));
  EXPECT_EQ(e.target, byte_ids("\n No"));
  EXPECT_EQ((*e.candidates)[0].text, "\n Yes");
  EXPECT_EQ(task.content_free_source(""), byte_ids("pets  and ?"));
  EXPECT_EQ(task.content_free_source("N/A"), byte_ids("pets N/A and N/A?"));
}

TEST(Task, CutFieldsAreCutBehindTheirFilters) {
  const TinyModel model;
  TaskOptions o = options();
  o.source_template = "{a|plain_breaks}!";
  o.max_source_tokens = 6;
  o.truncate = {TruncateOptions::Kind::kField, "a"};
  const Task task(o, model.task_model());
  EXPECT_EQ(task.question(record(R"({"a": "<b>on</b><br>two<br>three"})")).source,
            byte_ids("on tw!"));
}

TEST(Task, GeneratedVerbalizersEndWithEosByThemselves) {
  const TinyModel model;
  TaskOptions o = options();
  o.answer = Answer::kGenerate;
  EXPECT_EQ(Task(o, model.task_model()).example(cats(), true).target,
            with(byte_ids(" No"), TinyModel::kEos));
}

TEST(Task, ExpandingLeavesOtherTasksRecordsAlone) {
  const TinyModel model;
  const Task task(options(), model.task_model());
  const auto records = task.expand(cats(), true);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(task.example(records[0], true).source, task.example(cats(), true).source);
}

TEST(Task, RecordsToTrainOnCanBeChosen) {
  const TinyModel model;
  TaskOptions o = options();
  o.train_where = {{"label", "y"}, {"a", "cats"}};
  const Task task(o, model.task_model());
  EXPECT_EQ(task.expand(cats(), true).size(), 0u);
  EXPECT_EQ(task.expand(cats(), false).size(), 1u);
  EXPECT_EQ(task.expand(record(R"({"a": "cats", "b": "", "label": "y"})"), true).size(), 1u);
  EXPECT_THAT(message_of<DataError>([&] { (void)task.expand(record(R"({"label": "y"})"), true); }),
              HasSubstr("f.jsonl:3: the record has no field 'a'"));
}

TEST(Task, IdsOfSeveralFieldsAreAList) {
  const TinyModel model;
  TaskOptions o = options();
  o.id_fields = {"a", "idx"};
  const Task task(o, model.task_model());
  EXPECT_EQ(task.question(cats()).id, R"(["cats",12])");
}

TEST(Task, BosStandsWhereThePolicySays) {
  const TinyModel plain;
  const TinyModel adds({.adds_bos = true, .merges = {}});
  TaskOptions o = options();
  EXPECT_EQ(Task(o, plain.task_model()).bos_place(), BosPlace::kNone);
  EXPECT_EQ(Task(o, adds.task_model()).bos_place(), BosPlace::kAfterPrompt);
  o.bos = BosPolicy::kNone;
  EXPECT_EQ(Task(o, adds.task_model()).bos_place(), BosPlace::kNone);
  o.bos = BosPolicy::kBeforePrompt;
  EXPECT_EQ(Task(o, plain.task_model()).bos_place(), BosPlace::kBeforePrompt);
  o.bos = BosPolicy::kAfterPrompt;
  EXPECT_EQ(Task(o, plain.task_model()).bos_place(), BosPlace::kAfterPrompt);
  EXPECT_EQ(Task(o, plain.task_model()).bos(), TinyModel::kBos);
}

TEST(Task, AMissingBosOrEosIsAConfigurationError) {
  const TinyModel model;
  TaskModel without = model.task_model();
  without.special = {};
  TaskOptions o = options();
  o.bos = BosPolicy::kAfterPrompt;
  EXPECT_EQ(message_of<ConfigError>([&] { const Task task(o, without); }),
            "task.bos: the model names no BOS token; set bos to none");
  o.bos = BosPolicy::kAuto;
  o.eos = EosPolicy::kAlways;
  EXPECT_EQ(message_of<ConfigError>([&] { const Task task(o, without); }),
            "task.eos: the model names no EOS token; set eos to none");
}

TEST(Task, OptionsAreValidatedAndNamed) {
  const TinyModel model;
  TaskOptions o = options();
  o.source_template = "{a";
  EXPECT_THAT(message_of<ConfigError>([&] { const Task task(o, model.task_model()); }),
              HasSubstr("task.template: '{' at position 0"));
  o = options();
  o.verbalizer[1].text = " Yes";
  EXPECT_EQ(message_of<ConfigError>([&] { const Task task(o, model.task_model()); }),
            "task.verbalizer.n: has the same tokens as the text of y");
}

// --- cutting ----------------------------------------------------------------------------

TEST(TaskTruncation, FieldIsCutFromItsEndAndTheRestStays) {
  const TinyModel model;
  TaskOptions o = options();
  o.max_source_tokens = 12;
  o.truncate = {TruncateOptions::Kind::kField, "a"};
  const Task task(o, model.task_model());
  const Example e = task.example(record(R"({"a": "crocodiles", "b": "ox", "label": "y"})"), true);
  EXPECT_EQ(e.source, byte_ids("croc and ox?"));
  EXPECT_TRUE(e.truncated);
  EXPECT_EQ(e.content, task.example(record(R"({"a": "crocodiles", "b": "ox"})"), false).content);
  EXPECT_NE(e.content, task.example(record(R"({"a": "croc", "b": "ox"})"), false).content)
      << "content is compared before the cut";
  const Example fits = task.example(record(R"({"a": "crow", "b": "ox", "label": "y"})"), true);
  EXPECT_EQ(fits.source, byte_ids("crow and ox?"));
  EXPECT_FALSE(fits.truncated);
}

TEST(TaskTruncation, FieldIsCutBetweenCodePoints) {
  const TinyModel model;
  TaskOptions o = options();
  o.max_source_tokens = 12;
  o.truncate = {TruncateOptions::Kind::kField, "a"};
  const Task task(o, model.task_model());
  const Example e =
      task.example(record(R"({"a": "abc\u00e9\u00e9", "b": "ox", "label": "y"})"), true);
  EXPECT_EQ(e.source, byte_ids("abc and ox?")) << "a whole é needs two bytes";
}

TEST(TaskTruncation, OtherFieldsTooLongIsAnError) {
  const TinyModel model;
  TaskOptions o = options();
  o.max_source_tokens = 8;
  o.truncate = {TruncateOptions::Kind::kField, "a"};
  const Task task(o, model.task_model());
  EXPECT_EQ(message_of<DataError>([&] { (void)task.example(cats(), true); }),
            "f.jsonl:3: the source has 10 tokens even without the field 'a', "
            "task.max_source_tokens allows 8");
}

TEST(TaskTruncation, SourceHeadKeepsTheFirstTokens) {
  const TinyModel model({.adds_bos = false, .merges = {{"c", "a"}}});
  TaskOptions o = options();
  o.max_source_tokens = 5;
  o.truncate.kind = TruncateOptions::Kind::kSourceHead;
  const Example e = Task(o, model.task_model()).example(cats(), true);
  EXPECT_EQ(e.source, (Ids{TinyModel::kFirstMerge, 't', 's', ' ', 'a'}));
  EXPECT_TRUE(e.truncated);
}

TEST(TaskTruncation, WithoutPermissionALongSourceIsAnError) {
  const TinyModel model;
  TaskOptions o = options();
  o.max_source_tokens = 13;
  const Task task(o, model.task_model());
  EXPECT_EQ(message_of<DataError>([&] { (void)task.example(cats(), true); }),
            "f.jsonl:3: the source has 14 tokens, task.max_source_tokens allows 13; "
            "choose what is cut with task.truncate");
}

// --- length -----------------------------------------------------------------------------

TEST(TaskRows, CountEverythingButTheLastAnswerToken) {
  const TinyModel model;
  TaskOptions o = options();
  o.bos = BosPolicy::kAfterPrompt;
  const Task task(o, model.task_model());
  const Example e = task.example(cats(), true);
  EXPECT_EQ(task.rows(e, 20), 20 + 1 + 14 + 3);  // " Yes" has 4 tokens
}

TEST(TaskRows, MoreThanTheModelsPositionsNamesLengthAndLimit) {
  const TinyModel model;
  TaskModel limited = model.task_model();
  limited.max_positions = 37;
  const Task task(options(), limited);
  const Example e = task.example(cats(), true);
  EXPECT_NO_THROW(task.check_rows(e, "f.jsonl", 20));
  EXPECT_EQ(message_of<DataError>([&] { task.check_rows(e, "f.jsonl", 21); }),
            "f.jsonl:3: needs 38 positions (14 tokens of source, 21 rows of soft prompt), the "
            "model has 37; set task.max_source_tokens and task.truncate");
}

TEST(TaskRows, AnEmptySourceNeedsSomethingBeforeIt) {
  const TinyModel model;
  TaskOptions o = options();
  o.source_template = "{a}";
  const Task task(o, model.task_model());
  const Example e = task.example(record(R"({"a": "", "label": "y"})"), true);
  EXPECT_NO_THROW(task.check_rows(e, "f.jsonl", 1));
  EXPECT_THAT(message_of<DataError>([&] { task.check_rows(e, "f.jsonl", 0); }),
              HasSubstr("f.jsonl:3: the source is empty"));
}

// --- demonstrations and chat ------------------------------------------------------------

TEST(TaskDemonstrations, StandInFrontTokenisedApart) {
  const TinyModel model({.adds_bos = false, .merges = {{"s", "o"}}});
  TaskOptions o = options();
  o.train = "train.jsonl";
  o.shots = 2;
  o.shot_separator = "\n";
  o.source_template = "{a}s";
  o.verbalizer = {{"y", "o"}, {"n", "x"}};
  Task task(o, model.task_model());
  EXPECT_THAT(task.prefix(), IsEmpty());
  std::vector<Record> records;
  records.push_back(record(R"({"a": "1", "label": "y"})"));
  records.push_back(record(R"({"a": "2", "label": "n"})"));
  task.set_demonstrations(records);
  EXPECT_EQ(task.prefix(), byte_ids("1so\n2sx\n")) << "s and o are not merged across the answer";
  EXPECT_EQ(task.example(record(R"({"a": "3", "label": "n"})"), true).source, byte_ids("3s"));
}

TaskModel chat_model(const TinyModel& model) {
  TaskModel chat = model.task_model();
  const ChatFormat::Around user{"<|im_start|>u\n", "<|im_end|>\n"};
  chat.chat = ChatFormat{.name = "test",
                         .begin = "",
                         .default_system = std::nullopt,
                         .system = ChatFormat::Around{"<|im_start|>s\n", "<|im_end|>\n"},
                         .user = user,
                         .user_after_system = user,
                         .assistant = {"<|im_start|>a\n", "<|im_end|>\n"},
                         .generation_prompt = "<|im_start|>a\n"};
  return chat;
}

Ids turn(const std::string& role, const std::string& text) {
  Ids ids{TinyModel::kTurn};
  for (const TokenId id : byte_ids(role + "\n" + text)) ids.push_back(id);
  ids.push_back(TinyModel::kTurnEnd);
  ids.push_back('\n');
  return ids;
}

Ids operator+(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Ids kAsk{TinyModel::kTurn, 'a', '\n'};

TEST(TaskChat, SourceIsAUsersTurnAndAnswersLoseTheirFirstSpace) {
  const TinyModel model;
  TaskOptions o = options();
  o.format = Format::kChat;
  const Task task(o, chat_model(model));
  const Example e = task.example(cats(), true);
  EXPECT_EQ(e.source, turn("u", "cats and dogs?") + kAsk);
  EXPECT_EQ(e.target, byte_ids("No"));
  o.system = "Hm.";
  EXPECT_EQ(Task(o, chat_model(model)).example(cats(), true).source,
            turn("s", "Hm.") + turn("u", "cats and dogs?") + kAsk);
}

TEST(TaskChat, CuttingTheHeadKeepsTheTurnWhole) {
  const TinyModel model;
  TaskOptions o = options();
  o.format = Format::kChat;
  o.truncate.kind = TruncateOptions::Kind::kSourceHead;
  o.max_source_tokens = 12;
  const Example e = Task(o, chat_model(model)).example(cats(), true);
  EXPECT_EQ(e.source, turn("u", "cats") + kAsk);
}

TEST(TaskChat, DemonstrationsAreEarlierTurns) {
  const TinyModel model;
  TaskOptions o = options();
  o.format = Format::kChat;
  o.system = "Hm.";
  o.train = "train.jsonl";
  o.shots = 1;
  Task task(o, chat_model(model));
  std::vector<Record> records;
  records.push_back(record(R"({"a": "1", "b": "2", "label": "y"})"));
  task.set_demonstrations(records);
  EXPECT_EQ(task.prefix(), turn("s", "Hm.") + turn("u", "1 and 2?") + turn("a", "Yes"));
  EXPECT_EQ(task.example(cats(), true).source, turn("u", "cats and dogs?") + kAsk);
}

TEST(TaskChat, ABosThatBeginsTheFormatIsPlacedLikeAnyOther) {
  const TinyModel model;
  TaskModel chat = chat_model(model);
  chat.chat->begin = "<s>";
  TaskOptions o = options();
  o.format = Format::kChat;
  const Task automatic(o, chat);
  EXPECT_EQ(automatic.bos_place(), BosPlace::kAfterPrompt);
  EXPECT_EQ(automatic.example(cats(), true).source, turn("u", "cats and dogs?") + kAsk);
  o.bos = BosPolicy::kBeforePrompt;
  EXPECT_EQ(Task(o, chat).bos_place(), BosPlace::kBeforePrompt);
  o.bos = BosPolicy::kAuto;
  EXPECT_EQ(Task(o, chat_model(model)).bos_place(), BosPlace::kNone);
}

}  // namespace
}  // namespace incipit::data
