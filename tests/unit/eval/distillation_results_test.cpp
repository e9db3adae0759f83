#include "eval/distillation_results.h"

#include <gmock/gmock.h>

#include "core/error.h"

namespace incipit::eval {
namespace {

using ::testing::HasSubstr;

TEST(MeanDivergences, WeighExamplesByTheirTokens) {
  const auto found = mean_divergences({{"no_prompt", {2, 7}}, {"learned", {1, 1}}}, {1, 3});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].student, "no_prompt");
  EXPECT_DOUBLE_EQ(found[0].mean.mean, 9.0 / 4);
  EXPECT_DOUBLE_EQ(found[0].over_learned.mean, 7.0 / 4);
  EXPECT_DOUBLE_EQ(found[1].mean.mean, 0.5);
  // A resample has only the first example, both or only the second one.
  EXPECT_DOUBLE_EQ(found[0].mean.low, 2);
  EXPECT_DOUBLE_EQ(found[0].mean.high, 7.0 / 3);
  EXPECT_DOUBLE_EQ(found[0].over_learned.low, 1);
  EXPECT_DOUBLE_EQ(found[0].over_learned.high, 2);
}

TEST(DistillationJson, ReadsBackWhatItWrites) {
  const DistillationResults results{
      .split = "test",
      .examples = 3,
      .tokens = 40,
      .prompt_tokens = 58,
      .learned_rows = 4,
      .divergences = {{"no_prompt", {0.75, 0.5, 1}, {0.5, 0.25, 0.625}},
                      {"learned", {0.25, 0.125, 0.375}, {}}}};
  const std::string json = distillation_json(results);
  EXPECT_THAT(json, HasSubstr(R"("saved_per_request": 54)"));
  const DistillationResults read = read_distillation(json, "distillation.json");
  EXPECT_EQ(distillation_json(read), json);
  EXPECT_EQ(read.divergences.at(0).over_learned.high, 0.625);
  EXPECT_EQ(read.divergences.at(1).student, "learned");
}

TEST(DistillationJson, NamesTheFileOfOtherText) {
  try {
    (void)read_distillation("{}", "run/distillation.json");
    FAIL() << "no results were read";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("run/distillation.json: is no result"));
  }
}

}  // namespace
}  // namespace incipit::eval
