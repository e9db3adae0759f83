#include "data/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using incipit::testing::TinyModel;
using ::testing::HasSubstr;

constexpr auto kFile = R"({
  "format": 1, "begin": "<s>", "default_system": "Be kind.",
  "system": {"before": "[S]", "after": "[/S]", "trim": true},
  "user": {"before": "[U]", "after": "[/U]", "trim": false},
  "user_after_system": {"before": "[V]", "after": "[/V]", "trim": true},
  "assistant": {"before": "[A] ", "after": "[/A]", "trim": false},
  "generation_prompt": "[A]", "multi_turn": false, "template_sha256": "00"})";

ChatFormat load(const TinyModel& model) {
  return load_chat_format(model.folder().path(), *model.tokenizer());
}

TEST(ChatFormat, IsReadFromTheFileBesideTheModel) {
  const TinyModel model;
  model.folder().write("incipit_chat.json", kFile);
  const ChatFormat chat = load(model);
  EXPECT_EQ(chat.opening(""), "<s>[S]Be kind.[/S]");
  EXPECT_EQ(chat.opening(" Be brief. "), "<s>[S]Be brief.[/S]");
  EXPECT_EQ(chat.question(" Why? ", false), "[U] Why? [/U][A]");
  EXPECT_EQ(chat.question(" Why? ", true), "[V]Why?[/V][A]");
  EXPECT_EQ(chat.exchange("Why?", "Yes ", false), "[U]Why?[/U][A] Yes [/A]");
  EXPECT_FALSE(chat.multi_turn);
}

TEST(ChatFormat, WithoutASystemRoleNoSystemTextIsTaken) {
  ChatFormat chat;
  chat.begin = "<s>";
  EXPECT_EQ(chat.opening(""), "<s>");
  EXPECT_FALSE(chat.opens_with_system(""));
  EXPECT_THAT(message_of<ConfigError>([&] { (void)chat.opening("Be brief."); }),
              HasSubstr("task.system: the model's chat format has no place for a system text"));
}

TEST(ChatFormat, DamagedFileIsNamedWithItsKey) {
  const TinyModel model;
  model.folder().write("incipit_chat.json", R"({"format": 2})");
  EXPECT_THAT(message_of<DataError>([&] { (void)load(model); }),
              HasSubstr("incipit_chat.json: format: expected 1, found 2"));
  model.folder().write("incipit_chat.json", R"({"format": 1, "begin": ""})");
  EXPECT_THAT(message_of<DataError>([&] { (void)load(model); }),
              HasSubstr("incipit_chat.json: the key 'user' is missing"));
}

TEST(ChatFormat, ChatMlIsRecognised) {
  const TinyModel model;  // its vocabulary has <|im_start|>
  const ChatFormat chat = load(model);
  EXPECT_EQ(chat.opening("") + chat.question("Hi", false),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(chat.opening("Be brief."), "<|im_start|>system\nBe brief.<|im_end|>\n");
}

TEST(ChatFormat, Llama3IsRecognised) {
  const TinyModel model;
  model.folder().write("chat_template.jinja", "{{ '<|start_header_id|>' + role }}");
  const ChatFormat chat = load(model);
  EXPECT_EQ(chat.opening("S") + chat.question(" Hi ", true),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatFormat, MistralIsRecognised) {
  const TinyModel model;
  model.folder().write("tokenizer_config.json", R"({"chat_template": "[INST] {{ content }}"})");
  const ChatFormat chat = load(model);
  EXPECT_EQ(chat.opening("") + chat.question("Hi", false), "<s>[INST] Hi [/INST]");
  EXPECT_EQ(chat.exchange("Hi", "Yes", false), "[INST] Hi [/INST] Yes</s>");
}

TEST(ChatFormat, AnUnknownOneIsRefusedWithWhatToDo) {
  const TinyModel model;
  model.folder().write("chat_template.jinja", "Human: {{ content }}");
  EXPECT_THAT(message_of<DataError>([&] { (void)load(model); }),
              AllOf(HasSubstr("incipit_chat.json is missing"),
                    HasSubstr("scripts/prepare_model.py --chat"), HasSubstr("task.format: raw")));
}

}  // namespace
}  // namespace incipit::data
