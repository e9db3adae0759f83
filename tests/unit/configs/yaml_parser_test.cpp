#include "configs/yaml_parser.h"

#include <gmock/gmock.h>

#include "core/error.h"

namespace incipit::configs {
namespace {

using ::testing::HasSubstr;

std::string mistakes(const std::string& text) {
  Problems problems;
  try {
    (void)parse_yaml(text, "run.yaml", problems);
    problems.throw_if_any();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ParseYaml, KeepsOrderQuotesAndPlaces) {
  Problems problems;
  const ConfigValue root = parse_yaml("b: 010\na:\n  - \"x\"\n  - yes\n", "run.yaml", problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_EQ(root.pairs.size(), 2u);
  EXPECT_EQ(root.pairs[0].key, "b");
  EXPECT_EQ(root.pairs[0].value.scalar, "010");
  EXPECT_FALSE(root.pairs[0].value.quoted);
  ASSERT_EQ(root.pairs[1].value.items.size(), 2u);
  EXPECT_TRUE(root.pairs[1].value.items[0].quoted);
  EXPECT_EQ(root.pairs[1].value.items[1].scalar, "yes");
  EXPECT_EQ(root.pairs[1].value.items[1].where.text(), "run.yaml:4:5");
}

TEST(ParseYaml, ReportsDuplicateKeysAtAnyDepth) {
  EXPECT_EQ(mistakes("train:\n  steps: 1\n  lr: 2\n  steps: 3\n"),
            "run.yaml:4:3: duplicate key 'steps', first on line 2");
  EXPECT_THAT(mistakes("a: {x: 1, x: 2}\n"), HasSubstr("run.yaml:1:11: duplicate key 'x'"));
  EXPECT_EQ(mistakes("a: {x: 1}\nb: {x: 2}\n"), "");
}

TEST(ParseYaml, ReportsBrokenSyntaxWithItsPlace) {
  EXPECT_THAT(mistakes("a: [1, 2\nb: 3\n"), HasSubstr("run.yaml:2:"));
  EXPECT_THAT(mistakes("b: 1\na: \"x\n"), HasSubstr("run.yaml:2:4: not valid YAML: the quotes"));
  EXPECT_THAT(mistakes("a: 'it''s\n"), HasSubstr("never closed"));
  EXPECT_EQ(mistakes("a: 'it''s'\nb: \"\\\"x\"\nc: |\n  \"text\n"), "");
  EXPECT_THAT(mistakes("a:\n\t- 1\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(mistakes("a: *nowhere\n"), HasSubstr("not valid YAML"));
}

TEST(ParseYaml, RefusesWhatItDoesNotInterpret) {
  EXPECT_THAT(mistakes("a: !!str 5\n"), HasSubstr("run.yaml:1:4: YAML tags"));
  EXPECT_THAT(mistakes("a: &x {b: 1}\nc:\n  <<: *x\n"), HasSubstr("merge keys"));
  EXPECT_THAT(mistakes("? [1]\n: 2\n"), HasSubstr("a key must be text, found a list"));
  EXPECT_THAT(mistakes("a: 1\n---\nb: 2\n"), HasSubstr("several YAML documents"));
}

TEST(ParseYaml, CopiesWhatAnAliasNames) {
  Problems problems;
  const ConfigValue root = parse_yaml("a: &x 5\nb: *x\n", "run.yaml", problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(root.find("b")->value.scalar, "5");
}

TEST(ParseYaml, StopsAliasesThatGrowWithoutBound) {
  std::string text = "l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string below = "*l" + std::to_string(i - 1);
    text += "l" + std::to_string(i) + ": &l" + std::to_string(i) + " [" + below;
    for (int k = 1; k < 10; ++k) text += ", " + below;
    text += "]\n";
  }
  EXPECT_THAT(mistakes(text), HasSubstr("too large"));
}

TEST(ParseYaml, TakesAnEmptyDocumentForNoKeys) {
  Problems problems;
  for (const char* text : {"", "# only a comment\n", "\n\n"}) {
    const ConfigValue root = parse_yaml(text, "run.yaml", problems);
    EXPECT_EQ(root.kind, ConfigValue::Kind::kMap) << text;
    EXPECT_TRUE(root.pairs.empty());
  }
  EXPECT_TRUE(problems.empty());
}

}  // namespace
}  // namespace incipit::configs
