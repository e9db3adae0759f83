#include "configs/templates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "configs/builtin.h"
#include "core/error.h"

namespace incipit::configs {
namespace {

using ::testing::HasSubstr;

data::TaskOptions base() {
  data::TaskOptions task;
  task.source_template = "{text} is";
  task.verbalizer = {{"blue", " blue"}, {"green", " green"}};
  task.train = "train.jsonl";
  return task;
}

void check(const data::TaskOptions& task, const Report& report) {
  for (const OptionProblem& problem : data::validate(task)) report(problem.key, problem.message);
}

std::vector<PromptTemplate> read(const std::string& text) {
  return parse_templates({"w.yaml", text}, base(), check);
}

std::string refusal(const std::string& text) {
  try {
    (void)read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Templates, GiveWhatTheyChangeAndKeepTheRest) {
  const auto templates = read(
      "- {name: plain}\n"
      "- name: asked\n"
      "  format: chat\n"
      "  system: Be brief.\n"
      "  template: \"{text}?\"\n"
      "  verbalizer: {blue: Blue, green: Green}\n");
  ASSERT_EQ(templates.size(), 2U);
  EXPECT_EQ(templates[0].name, "plain");
  EXPECT_EQ(templates[0].task.source_template, "{text} is");
  EXPECT_EQ(templates[1].task.source_template, "{text}?");
  EXPECT_EQ(templates[1].task.format, data::Format::kChat);
  EXPECT_EQ(templates[1].task.system, "Be brief.");
  EXPECT_EQ(templates[1].task.verbalizer[1].text, "Green");
  EXPECT_EQ(templates[1].task.train, "train.jsonl");
}

TEST(Templates, AllMistakesAreToldWithTheirPlace) {
  const std::string message = refusal(
      "- name: a\n"
      "  temlate: \"{text}\"\n"
      "- template: \"{text\"\n"
      "- name: a\n"
      "  system: only in chats\n"
      "- just words\n");
  EXPECT_THAT(message, HasSubstr("w.yaml:2:3: unknown key 'template 1.temlate'; did you mean "
                                 "'template'?"));
  EXPECT_THAT(message, HasSubstr("w.yaml:3:3: template 2.name: missing"));
  EXPECT_THAT(message, HasSubstr("w.yaml:3:3: template 2.template: "));
  EXPECT_THAT(message, HasSubstr("w.yaml:4:3: template 3.name: template 1 is called 'a', too"));
  EXPECT_THAT(message, HasSubstr("w.yaml:5:3: template 3.system: needs `format: chat`"));
  EXPECT_THAT(message, HasSubstr("w.yaml:6:3: template 4: expected a block of keys"));
}

TEST(Templates, OnlyAListWillDo) {
  EXPECT_THAT(refusal("name: a\n"), HasSubstr("w.yaml:1:1: expected a list of templates"));
  EXPECT_THAT(refusal("[]\n"), HasSubstr("expected a list of templates"));
}

TEST(Templates, BuiltInOnesAreFoundByName) {
  EXPECT_THAT(read_templates("town_hall").text, HasSubstr("- name:"));
  try {
    (void)read_templates("town_hal");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'town_hall'?"));
  }
}

}  // namespace
}  // namespace incipit::configs
