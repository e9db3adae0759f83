#include "data/hard_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "data/task.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

using incipit::testing::byte_ids;
using incipit::testing::message_of;
using incipit::testing::TemporaryFolder;
using incipit::testing::TinyModel;
using ::testing::HasSubstr;

constexpr const char* kTalk =
    R"({"turns": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b"}]})"
    "\n"
    R"({"turns": [{"role": "user", "content": "c?"}, {"role": "assistant", "content": "d"}, )"
    R"({"role": "user", "content": "e?"}, {"role": "assistant", "content": "f"}]})"
    "\n";

class HardPromptTest : public ::testing::Test {
 protected:
  HardPromptTest() {
    options_.data_dir = folder_.path().string();
    options_.source_template = "{text}:";
    options_.verbalizer = {{"y", "Y"}, {"n", "N"}};
  }
  // Returns the message of reading conversations.
  [[nodiscard]] std::string refusal(const std::string& lines) const {
    folder_.write("bad.jsonl", lines);
    return message_of<DataError>([&] { (void)read_hard_prompt(folder_.path() / "bad.jsonl"); });
  }
  [[nodiscard]] Task task(const std::string& file) {
    options_.prompt_file = file;
    TaskModel model = model_.task_model();
    model.chat = ChatFormat{.name = "test",
                            .begin = "",
                            .default_system = std::nullopt,
                            .system = std::nullopt,
                            .user = {"<u>", "</u>"},
                            .user_after_system = {"<u>", "</u>"},
                            .assistant = {"<a>", "</a>"},
                            .generation_prompt = "<a>"};
    return {options_, std::move(model)};
  }

  TinyModel model_;
  TemporaryFolder folder_;
  TaskOptions options_;
};

TEST_F(HardPromptTest, TextIsTakenAsItIs) {
  folder_.write("prompt.txt", " Be brief.\n\n");
  EXPECT_EQ(task("prompt.txt").prefix(), byte_ids(" Be brief.\n\n"));
}

TEST_F(HardPromptTest, ConversationsAreTurnsOfAHumanAndAnAssistant) {
  folder_.write("talk.jsonl", kTalk);
  EXPECT_EQ(task("talk.jsonl").prefix(),
            byte_ids("Human: a?\n\nAssistant: b\n\nHuman: c?\n\nAssistant: d\n\n"
                     "Human: e?\n\nAssistant: f\n\n"));
}

TEST_F(HardPromptTest, ConversationsFollowEachOtherInAChat) {
  folder_.write("talk.jsonl", kTalk);
  options_.format = Format::kChat;
  const Task chat = task("talk.jsonl");
  EXPECT_EQ(chat.prefix(), byte_ids("<u>a?</u><a>b</a><u>c?</u><a>d</a><u>e?</u><a>f</a>"));
  const Record record(R"({"text": "g", "label": "y"})", "f.jsonl", 1);
  EXPECT_EQ(chat.example(record, true).source, byte_ids("<u>g:</u><a>"));
}

TEST_F(HardPromptTest, FewShotExamplesFollowIt) {
  folder_.write("prompt.txt", "P ");
  options_.train = "train.jsonl";
  options_.shots = 1;
  Task with = task("prompt.txt");
  with.set_demonstrations({Record(R"({"text": "g", "label": "y"})", "f.jsonl", 1)});
  EXPECT_EQ(with.prefix(), byte_ids("P g:Y\n\n"));
}

TEST_F(HardPromptTest, ItCanBeShortened) {
  folder_.write("prompt.txt", "Be brief.");
  Task brief = task("prompt.txt");
  brief.shorten_prefix(3);
  EXPECT_EQ(brief.prefix(), byte_ids("Be "));
  brief.shorten_prefix(30);
  EXPECT_EQ(brief.prefix(), byte_ids("Be "));
}

TEST_F(HardPromptTest, OtherFormsAreRefusedWithTheirLine) {
  EXPECT_THAT(refusal(""), HasSubstr("bad.jsonl: is empty"));
  EXPECT_THAT(refusal("{\"turns\": []}\n"), HasSubstr("bad.jsonl:1: turns is empty"));
  EXPECT_THAT(refusal(R"({"turns": [{"role": "assistant", "content": "b"}]})"),
              HasSubstr("turns.0.role is 'assistant'; expected 'user'"));
  EXPECT_THAT(refusal(R"({"turns": [{"role": "user", "content": "b"}]})"),
              HasSubstr("turns.1.role"));
  EXPECT_THAT(refusal("{\"text\": \"a\"}\n"),
              HasSubstr("bad.jsonl:1: the record has no field 'turns'"));
}

TEST_F(HardPromptTest, AChatNeedsConversations) {
  folder_.write("prompt.txt", "Be brief.");
  options_.format = Format::kChat;
  EXPECT_THAT(message_of<ConfigError>([&] { (void)task("prompt.txt"); }),
              HasSubstr("task.prompt_file: is text"));
}

}  // namespace
}  // namespace incipit::data
