#include "configs/phrases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace incipit::configs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

data::TaskOptions task() {
  data::TaskOptions task;
  task.source_template = "{opening}{text}{question}";
  task.system = "Be {manner}.";
  return task;
}

std::string phrases_refusal(const std::string& text) {
  try {
    (void)parse_phrases(text, "p.yaml", task());
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Phrases, GoInThePlaceOfTheirSlots) {
  const auto slots = parse_phrases(
      "- {slot: opening, phrases: [\"\", \"Message: \"]}\n"
      "- {slot: question, phrases: [\"?\", \"\\nOffice {text}:\"]}\n"
      "- {slot: manner, phrases: [brief]}\n",
      "p.yaml", task());
  ASSERT_EQ(slots.size(), 3U);
  EXPECT_THAT(slots[0].phrases, ElementsAre("", "Message: "));
  const data::TaskOptions first = with_phrases(task(), slots, std::vector<std::int32_t>{0, 0, 0});
  EXPECT_EQ(first.source_template, "{text}?");
  EXPECT_EQ(first.system, "Be brief.");
  const data::TaskOptions other = with_phrases(task(), slots, std::vector<std::int32_t>{1, 1, 0});
  EXPECT_EQ(other.source_template, "Message: {text}\nOffice {text}:");
}

TEST(Phrases, MistakesAreToldWithTheirPlace) {
  const std::string message = phrases_refusal(
      "- {slot: opening, phrases: []}\n"
      "- {slot: opening, phrases: [a]}\n"
      "- {slot: ending, phrases: [a]}\n"
      "- {phrases: [a]}\n");
  EXPECT_THAT(message, HasSubstr("p.yaml:1:19: slot 1.phrases: is empty"));
  EXPECT_THAT(message, HasSubstr("p.yaml:2:4: slot 2.slot: slot 1 is 'opening', too"));
  EXPECT_THAT(message, HasSubstr("slot 3.slot: task.template has no {ending}"));
  EXPECT_THAT(message, HasSubstr("slot 4.slot"));
  EXPECT_THAT(phrases_refusal("{slot: opening}\n"), HasSubstr("expected a list of slots"));
}

}  // namespace
}  // namespace incipit::configs
