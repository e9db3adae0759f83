#include "methods/method_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "core/error.h"
#include "core/schema.h"
#include "methods/registry.h"

namespace incipit::methods {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

MethodOptions with_init(InitKind kind) {
  MethodOptions options;
  options.init.kind = kind;
  return options;
}

void expect_problem(const MethodOptions& options, const std::string& key,
                    const std::string& message) {
  const std::vector<OptionProblem> problems = validate(options);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].key, key);
  EXPECT_THAT(problems[0].message, HasSubstr(message));
}

TEST(MethodOptions, DefaultsAreValid) { EXPECT_THAT(validate(MethodOptions{}), IsEmpty()); }

TEST(MethodOptions, ReportsNumbersOutOfRange) {
  MethodOptions options;
  options.num_virtual_tokens = 0;
  expect_problem(options, "num_virtual_tokens", "between 1 and");
  options.num_virtual_tokens = std::int64_t{1} << 40;
  expect_problem(options, "num_virtual_tokens", "between 1 and");
  options.num_virtual_tokens = 1;
  options.init.sample_from = -1;
  expect_problem(options, "init.sample_from", "at least 0");
}

TEST(MethodOptions, ReportsEveryProblemAtOnce) {
  MethodOptions options;
  options.num_virtual_tokens = -3;
  options.init.scale = "wide";
  options.init.text = "unused";
  EXPECT_THAT(validate(options), SizeIs(3));
}

TEST(MethodOptions, TextAndPathBelongToTheirKinds) {
  expect_problem(with_init(InitKind::kText), "init.text", "needed by init.kind: text");
  expect_problem(with_init(InitKind::kFile), "init.path", "needed by init.kind: file");
  MethodOptions options = with_init(InitKind::kSampledVocab);
  options.init.text = "Answer:";
  expect_problem(options, "init.text", "used by init.kind: text only");
  options.init.kind = InitKind::kText;
  EXPECT_THAT(validate(options), IsEmpty());
}

TEST(MethodOptions, WithoutAMethodNothingElseMatters) {
  MethodOptions options;
  options.kind = kNoMethod;
  options.num_virtual_tokens = 0;
  EXPECT_THAT(validate(options), IsEmpty());
}

TEST(MethodOptions, ScalesNameRanges) {
  const auto range = [](const std::string& scale) {
    const UniformRange found = uniform_range(scale, 0.125);
    return std::pair(found.low, found.high);
  };
  EXPECT_EQ(range("auto"), std::pair(-0.125, 0.125));
  EXPECT_EQ(range("lester"), std::pair(-0.5, 0.5));
  EXPECT_EQ(range("t5x"), std::pair(0.0, 0.5));
  EXPECT_EQ(range("0.25"), std::pair(-0.25, 0.25));
  for (const std::string scale : {"", "wide", "0", "-1", "nan", "inf", "0.5x", " 0.5"}) {
    EXPECT_THROW((void)uniform_range(scale, 1.0), ConfigError) << scale;
    MethodOptions options;
    options.init.scale = scale;
    expect_problem(options, "init.scale", "'" + scale + "'");
  }
}

TEST(MethodOptions, PTuningRefusesWhatItsEncoderCannotDo) {
  MethodOptions options;
  options.kind = "p_tuning";
  EXPECT_THAT(validate(options), IsEmpty());
  for (const InitKind kind : {InitKind::kSampledVocab, InitKind::kClassLabels}) {
    options.init.kind = kind;
    expect_problem(options, "init.kind", "p_tuning takes auto or normal");
  }
  options.init.kind = InitKind::kNormal;
  options.init.scale = "0.5";
  expect_problem(options, "init.scale", "without a scale");
  options.init.scale = "auto";
  options.encoder_hidden_size = -1;
  expect_problem(options, "encoder_hidden_size", "at least 0");
  options.encoder_hidden_size = 0;
  options.encoder_num_layers = 3;
  expect_problem(options, "encoder_num_layers", "used by encoder_reparameterization_type: LSTM");
  options.encoder_reparameterization_type = EncoderKind::kLstm;
  EXPECT_THAT(validate(options), IsEmpty());
  options.encoder_num_layers = 0;
  expect_problem(options, "encoder_num_layers", "at least 1");
}

TEST(MethodOptions, ThePromptsOfTasksHaveARank) {
  MethodOptions options;
  EXPECT_FALSE(has_rows_by_task(options));
  options.kind = "multitask_prompt_tuning";
  EXPECT_TRUE(has_rows_by_task(options));
  EXPECT_THAT(validate(options), IsEmpty());
  EXPECT_EQ(init_kind(options), InitKind::kNormal);
  options.num_ranks = 0;
  expect_problem(options, "num_ranks", "at least 1");
}

TEST(MethodOptions, ACartridgeStartsFromAText) {
  MethodOptions options;
  options.kind = "cartridge";
  EXPECT_EQ(init_kind(options), InitKind::kText);
  expect_problem(options, "init.text", "needed");
  options.init.text = "words";
  EXPECT_THAT(validate(options), IsEmpty());
  for (const std::int64_t frozen : {std::int64_t{-1}, options.num_virtual_tokens}) {
    options.num_frozen_tokens = frozen;
    expect_problem(options, "num_frozen_tokens", "less than num_virtual_tokens");
  }
  options.num_frozen_tokens = 0;
  options.init.kind = InitKind::kText;
  EXPECT_THAT(validate(options), IsEmpty());
  options.kind = "prefix_tuning";
  EXPECT_THAT(validate(options), IsEmpty());
  options.prefix_projection = true;
  expect_problem(options, "prefix_projection", "have no projection");
}

struct RankOptions {
  std::int64_t rank = 4;
};

TEST(MethodOptions, AMethodFromElsewhereDeclaresItsOwnKeys) {
  const MethodDeclaration declaration{
      .name = "elsewhere",
      .meaning = "of this test",
      .init = InitKind::kNormal,
      .declare =
          [](Schema& schema, MethodOptions& options) {
            schema.field("rank", options.more.get<RankOptions>().rank, "of the product");
          },
      .check = check_shared_options};
  Method method;
  method.kind = "elsewhere";
  EXPECT_THROW(
      add_method(
          method,
          {.name = "another", .meaning = "", .init = {}, .declare = nullptr, .check = nullptr}),
      LogicError);
  add_method(method, declaration);
  EXPECT_THROW(add_method(method, declaration), LogicError);
  EXPECT_EQ(method_names().back().name, "elsewhere");

  MethodOptions options;
  options.kind = "elsewhere";
  Schema schema;
  declare(schema, options);
  EXPECT_NE(schema.find("rank"), nullptr);
  EXPECT_EQ(init_kind(options), InitKind::kNormal);
  options.more.get<RankOptions>().rank = 9;
  const MethodOptions copy = options;
  options.more.get<RankOptions>().rank = 1;
  EXPECT_EQ(copy.more.get<RankOptions>().rank, 9);
  EXPECT_EQ(std::as_const(options).more.get<RankOptions>().rank, 1);
}

}  // namespace
}  // namespace incipit::methods
