// The parts that a report's page is made of.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "report/comparison.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/line_chart.h"
#include "report/score_curves.h"

namespace incipit::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Escaped, LeavesNothingThatHtmlGivesAMeaning) {
  EXPECT_EQ(escaped("a < b & \"c\" > 'd'"), "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;");
  EXPECT_EQ(escaped("é 漢 😀\n\t"), "é 漢 😀\n\t");
}

TEST(Escaped, ReplacesWhatNoPageMayHold) {
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "\uFFFD");
  EXPECT_EQ(escaped("\x1b[1m"), "\uFFFD[1m");
  EXPECT_EQ(escaped("a\xff<"), "a\uFFFD&lt;");
  EXPECT_EQ(escaped("\xC0\xBC"), "\uFFFD\uFFFD");            // '<' in two bytes
  EXPECT_EQ(escaped("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // half a surrogate pair
  EXPECT_EQ(escaped("\xE6\xBC"), "\uFFFD\uFFFD");            // cut off
}

TEST(Html, ClosesElementsWithTheirBlock) {
  Html page;
  {
    const auto outer = page.element("p", {{"class", "a\"b"}});
    page.text("x<");
    page.leaf("b", "y");
  }
  page.single("br");
  EXPECT_EQ(page.markup(), "<p class=\"a&quot;b\">x&lt;<b>y</b></p>\n<br>\n");
}

TEST(Html, IsNotWholeWhileAnElementIsOpen) {
  Html page;
  const auto outer = page.element("p");
  EXPECT_THROW((void)page.markup(), LogicError);
}

TEST(CssNumber, HasNoExponentAndNoLooseZeros) {
  EXPECT_EQ(css_number(1.5), "1.5");
  EXPECT_EQ(css_number(100), "100");
  EXPECT_EQ(css_number(1e-7), "0");
  EXPECT_EQ(css_number(-0.001), "0");
  EXPECT_EQ(css_number(1.0 / 3), "0.33");
}

TEST(RoundTicks, EncloseTheRange) {
  EXPECT_THAT(round_ticks(0, 1, 5), ElementsAre(0, 0.2, 0.4, ::testing::DoubleEq(0.6), 0.8, 1));
  EXPECT_THAT(round_ticks(13, 88, 4), ElementsAre(0, 20, 40, 60, 80, 100));
  EXPECT_THAT(round_ticks(2, 2, 2), ElementsAre(1, 2, 3));
  EXPECT_THAT(round_ticks(0, 0, 2), ElementsAre(-1, 0, 1));
}

TEST(Thinned, TakesMeansAndKeepsGaps) {
  const double gap = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Point> points{{1, 1}, {2, 3}, {3, gap}, {4, 5}, {5, gap}, {6, gap}};
  const auto few = thinned(points, 3);
  ASSERT_EQ(few.size(), 3u);
  EXPECT_EQ(few[0].x, 1.5);
  EXPECT_EQ(few[0].y, 2);
  EXPECT_EQ(few[1].y, 5);
  EXPECT_TRUE(std::isnan(few[2].y));
}

TEST(Trend, IsTheMeanOfWhatCameBefore) {
  const auto smooth = trend(std::vector<Point>{{1, 4}, {2, 1}}, 1);  // weights 1/2 and 1
  EXPECT_EQ(smooth[0].y, 4);
  EXPECT_EQ(smooth[1].y, 2);
}

TEST(Draw, NothingWhereNothingIsFinite) {
  Html page;
  draw(page, {.title = "empty",
              .x_title = "step",
              .unit = "",
              .lines = {{.name = "a", .points = {{1, std::nan("")}}}},
              .level = {}});
  EXPECT_THAT(page.markup(), IsEmpty());
}

std::vector<EvaluatedExample> three() {
  return {{"1", "a", "a", {}, {{"a", std::log(0.9)}, {"b", std::log(0.1)}}},
          {"2", "b", "a", {}, {{"a", std::log(0.4)}, {"b", std::log(0.6)}}},
          {"3", "a", "b", {}, {{"a", std::log(0.8)}, {"b", std::log(0.2)}}}};
}

TEST(WorstErrors, AreTheMostConfident) {
  const auto predictions = three();
  const auto errors = worst_errors(predictions, 5);
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].prediction->id, "3");
  EXPECT_NEAR(errors[0].given, 0.8, 1e-12);
  EXPECT_NEAR(errors[0].right, 0.2, 1e-12);
  EXPECT_EQ(worst_errors(predictions, 1).size(), 1u);
}

// 20 right answers with probability 0.9 and two wrong ones, of which one is as sure.
TEST(WorstErrors, DoubtTheLabelWhereTheModelIsAsSureAsOfRightAnswers) {
  std::vector<EvaluatedExample> predictions;
  const auto add = [&](const std::string& prediction, const std::string& label, double given) {
    const std::string other = prediction != label ? label : (prediction == "a" ? "b" : "a");
    predictions.push_back(
        {.id = std::to_string(predictions.size()),
         .prediction = prediction,
         .label = label,
         .references = {},
         .scores = {{prediction, std::log(given)}, {other, std::log(1 - given)}}});
  };
  for (int i = 0; i < 20; ++i) add(i % 2 == 0 ? "a" : "b", i % 2 == 0 ? "a" : "b", 0.9);
  add("a", "b", 0.95);
  add("a", "b", 0.55);
  const auto errors = worst_errors(predictions, 5);
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_TRUE(errors[0].doubts_label);
  EXPECT_FALSE(errors[1].doubts_label);
  add("a", "c", 0.96);  // the model never answers c
  EXPECT_EQ(worst_errors(predictions, 5)[0].prediction->label, "c");
  EXPECT_FALSE(worst_errors(predictions, 5)[0].doubts_label);
}

TEST(FiguresOf, TheMajorityIsThatOfTrainWhereItIsKnown) {
  EXPECT_NEAR(figures_of("test", three(), "").majority_share, 2.0 / 3, 1e-12);
  EXPECT_NEAR(figures_of("test", three(), "b").majority_share, 1.0 / 3, 1e-12);
  EXPECT_EQ(figures_of("test", three(), "never seen").majority_share, 0);
}

RunData run(const std::string& name, std::uint64_t seed, const std::string& text) {
  RunData run;
  run.dir = name;
  run.name = name;
  run.config.emplace();
  run.config->run = {.name = name, .output_dir = "runs/" + name, .seed = seed};
  run.config->task.source_template = text;
  run.predictions["test"] = three();
  return run;
}

TEST(Compare, RunsThatDifferInTheirSeedAloneAreOneMethod) {
  const std::vector<RunData> runs{run("soft-17", 17, "{a}"), run("soft-18", 18, "{a}"),
                                  run("other", 17, "{b}"), run("soft-again", 17, "{a}")};
  const Comparison comparison = compare(runs, "");
  ASSERT_EQ(comparison.methods.size(), 4u);
  EXPECT_EQ(comparison.methods[0].name, "majority");
  EXPECT_EQ(comparison.methods[1].name, "soft");
  EXPECT_THAT(comparison.methods[1].runs, ElementsAre(0, 1));
  EXPECT_THAT(comparison.methods[2].runs, ElementsAre(2));
  EXPECT_THAT(comparison.methods[3].runs, ElementsAre(3));  // the same seed: something differs
}

TEST(Compare, SaysWhichRunCannotBeCompared) {
  std::vector<RunData> runs{run("one", 1, "{a}"), run("two", 2, "{a}")};
  runs[1].predictions.clear();
  try {
    (void)compare(runs, "");
    FAIL() << "nothing thrown";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("two: has no predictions/test.jsonl"));
  }
}

std::vector<std::int64_t> numbers_of(const ScoreCurve& curve) {
  std::vector<std::int64_t> numbers;
  for (const CurvePoint& point : curve.points) numbers.push_back(point.x);
  return numbers;
}

TEST(LearningCurves, JoinMethodsThatDifferInTheirTrainingExamplesAlone) {
  std::vector<RunData> runs{run("all-1", 1, "{a}"), run("twenty-1", 1, "{a}"),
                            run("ten-1", 1, "{a}"), run("ten-2", 2, "{a}"), run("other", 1, "{b}")};
  for (RunData& each : runs) {
    each.config->train.epochs = 2;
    each.config->train.examples = 20;
    each.config->train.steps = 5;
  }
  runs[0].config->train.examples = 0;
  runs[0].config->train.steps = 10;  // an epoch is longer
  runs[0].manifest.splits["train"].examples = 40;
  runs[2].config->train.examples = runs[3].config->train.examples = 10;
  const Comparison comparison = compare(runs, "");
  const auto curves = score_curves(runs, comparison, CurveAxis::kTrainingExamples);
  ASSERT_EQ(curves.size(), 1u);
  EXPECT_THAT(numbers_of(curves[0]), ElementsAre(10, 20, 40));
  EXPECT_THAT(comparison.methods[curves[0].points[0].method].runs, ElementsAre(2, 3));
  EXPECT_THAT(comparison.methods[curves[0].points[2].method].runs, ElementsAre(0));
  const std::span<const RunData> one = std::span(runs).first(1);
  EXPECT_THAT(score_curves(one, compare(one, ""), CurveAxis::kTrainingExamples), IsEmpty());
}

TEST(SizeCurves, JoinMethodsThatDifferInTheirModelAlone) {
  std::vector<RunData> runs{run("soft-large", 1, "{a}"),   run("soft-small-1", 1, "{a}"),
                            run("soft-small-2", 2, "{a}"), run("zero-small", 1, "{b}"),
                            run("zero-large", 1, "{b}"),   run("other", 1, "{c}")};
  for (const std::size_t r : {3, 4}) runs[r].config->method.kind = "none";
  for (RunData& each : runs) {
    const bool large = each.name.ends_with("large");
    each.config->model.path = large ? "large" : "small";
    each.config->parallel.tensor = large ? 2 : 1;
    each.manifest.parameters = large ? 3000 : 1000;
  }
  const Comparison comparison = compare(runs, "");
  const auto curves = score_curves(runs, comparison, CurveAxis::kModelParameters);
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_EQ(curves[0].name, "soft");
  EXPECT_EQ(curves[1].name, "zero");
  for (const ScoreCurve& curve : curves) EXPECT_THAT(numbers_of(curve), ElementsAre(1000, 3000));
  EXPECT_THAT(comparison.methods[curves[0].points[0].method].runs, ElementsAre(1, 2));
  EXPECT_THAT(score_curves(runs, comparison, CurveAxis::kTrainingExamples), IsEmpty());
  for (RunData& each : runs) each.manifest.parameters = 0;  // and there is no such model
  EXPECT_THAT(score_curves(runs, comparison, CurveAxis::kModelParameters), IsEmpty());
}

TEST(LineChart, CanHaveALogarithmicAxisAndIntervals) {
  Html page;
  draw(page, {.title = "t",
              .x_title = "examples",
              .unit = "%",
              .lines = {{.name = "soft",
                         .points = {{10, 0.25}, {100, 0.5}, {1000, 0.75}},
                         .intervals = {{0, 0.5}, {0.25, 0.75}, {0.5, 1}}}},
              .level = {},
              .exact = true,
              .log_x = true});
  const std::string markup = page.markup();
  // 46 to 350 units wide: 100 is in the middle.
  EXPECT_THAT(markup, HasSubstr("x1=\"198\" x2=\"198\""));
  EXPECT_THAT(markup, HasSubstr("soft, examples 100: 50.0 % (95 %: 25.0 % to 75.0 %)"));
  for (const char* tick : {">10<", ">100<", ">1,000<"}) EXPECT_THAT(markup, HasSubstr(tick));
}

}  // namespace
}  // namespace incipit::report
