#include "trainer/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "tests/support/temporary_folder.h"
#include "trainer/diagnosis_file.h"

namespace incipit::trainer {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const double kLn2 = std::log(2.0);

// `steps` losses that go evenly from one value to another.
std::vector<double> line(int steps, double from, double to) {
  std::vector<double> losses;
  for (int i = 0; i < steps; ++i) losses.push_back(from + (to - from) * i / (steps - 1));
  return losses;
}

std::vector<double> joined(std::vector<double> a, const std::vector<double>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Two labels, answers in turns, of which the first `right` are predicted rightly, the others
// as "roads".
Evidence evidence(std::vector<double> losses, int right, int size = 100) {
  Evidence result{.losses = std::move(losses), .labels = {"roads", "waste"}};
  result.prior_loss = kLn2;
  result.train.optimizer.lr = 0.01;
  result.train.steps = 100;
  for (int i = 0; i < size; ++i) {
    result.answers.push_back(i % 2);
    result.predictions.push_back(i < right ? i % 2 : 1 - i % 2);
  }
  return result;
}

TEST(LabelPriorLoss, IsTheEntropyPerTargetToken) {
  const std::vector<LabelCount> even{{50, 1}, {50, 1}};
  EXPECT_DOUBLE_EQ(label_prior_loss(even, Loss::kTargetTokens), kLn2);
  const std::vector<LabelCount> skewed{{75, 1}, {25, 3}};
  const double entropy = -0.75 * std::log(0.75) - 0.25 * std::log(0.25);
  EXPECT_DOUBLE_EQ(label_prior_loss(skewed, Loss::kTargetTokens), entropy * 100 / 150);
  EXPECT_DOUBLE_EQ(label_prior_loss(skewed, Loss::kCandidates), entropy);
  const std::vector<LabelCount> one{{10, 1}, {0, 1}};
  EXPECT_EQ(label_prior_loss(one, Loss::kTargetTokens), 0);
  EXPECT_EQ(label_prior_loss({}, Loss::kTargetTokens), 0);
}

TEST(Diagnosis, SaysThatARunHasLearned) {
  const Diagnosis diagnosis = diagnose(evidence(line(100, 3.0, 0.2), 90));
  EXPECT_EQ(diagnosis.verdict, Verdict::kLearned);
  EXPECT_EQ(diagnosis.summary,
            "learned: validation accuracy 0.90 (95 %: 0.83 to 0.94) against 0.50, that of always "
            "answering 'roads'");
  EXPECT_THAT(diagnosis.findings, IsEmpty());
  EXPECT_THAT(diagnosis.advice, IsEmpty());
  EXPECT_DOUBLE_EQ(*diagnosis.figures.accuracy, 0.9);
  EXPECT_DOUBLE_EQ(diagnosis.figures.majority_share, 0.5);
  EXPECT_NEAR(*diagnosis.figures.last_loss, 0.2 + 2.8 * 9.5 / 99, 1e-12);
}

TEST(Diagnosis, NamesALossAtTheEntropyOfTheLabels) {
  const Diagnosis diagnosis =
      diagnose(evidence(joined(line(20, 3.0, 0.7), line(80, 0.7, 0.69)), 53));
  EXPECT_EQ(diagnosis.verdict, Verdict::kNotLearned);
  EXPECT_THAT(diagnosis.findings,
              Contains("the loss stands at 0.691: knowing only how often each label occurs gives "
                       "0.693"));
  EXPECT_THAT(diagnosis.findings, Contains(HasSubstr("is not surely above 0.50")));
  EXPECT_EQ(diagnosis.advice.at(0),
            "a higher learning rate (now 0.01): --set train.optimizer.lr=0.03");
  EXPECT_EQ(diagnosis.advice.at(1), "or a lower one: --set train.optimizer.lr=0.0033");
  EXPECT_EQ(diagnosis.advice.at(2), "more steps: --set train.steps=300");
}

TEST(Diagnosis, AdvisesMoreStepsFirstWhileTheLossIsFarAndFalling) {
  const Diagnosis diagnosis = diagnose(evidence(line(100, 9.0, 2.0), 50));
  EXPECT_EQ(diagnosis.verdict, Verdict::kNotLearned);
  EXPECT_THAT(diagnosis.findings, Contains(HasSubstr("is still 2.672: ")));
  EXPECT_THAT(diagnosis.advice.at(0), HasSubstr("--set train.steps=300"));
}

TEST(Diagnosis, DoesNotAdviseWhatIsDoneAlready) {
  Evidence flat = evidence(line(100, 0.7, 0.7), 50);
  flat.method.init.kind = methods::InitKind::kSampledVocab;
  const auto advice = diagnose(flat).advice;
  EXPECT_THAT(advice, Contains(HasSubstr("method.init.kind=class_labels")));
  EXPECT_THAT(advice, Contains(HasSubstr("train.loss=candidates")));
  EXPECT_THAT(advice, Contains(HasSubstr("task.shots=4")));
  flat.method.init.kind = methods::InitKind::kClassLabels;
  flat.train.loss = Loss::kCandidates;
  flat.shots = 4;
  EXPECT_THAT(diagnose(flat).advice,
              Each(Not(::testing::AnyOf(HasSubstr("method.init"), HasSubstr("train.loss"),
                                        HasSubstr("task.shots")))));
}

TEST(Diagnosis, AdvisesAStartFromLabelsOnlyWhereTheMethodHasIt) {
  Evidence flat = evidence(line(100, 0.7, 0.7), 50);  // init.kind: auto
  for (const char* kind : {"prompt_tuning", "prefix_tuning", "p_tuning", "model_tuning"}) {
    flat.method.kind = kind;
    EXPECT_THAT(diagnose(flat).advice, Each(Not(HasSubstr("method.init")))) << kind;
  }
}

TEST(Diagnosis, NamesTheOneLabelThatIsPredicted) {
  Evidence collapsed = evidence(line(100, 2.0, 0.5), 0);
  collapsed.predictions.assign(100, 1);
  collapsed.predictions[0] = 0;
  const Diagnosis diagnosis = diagnose(collapsed);
  EXPECT_EQ(diagnosis.verdict, Verdict::kNotLearned);
  EXPECT_THAT(diagnosis.findings,
              Contains("99 of 100 validation examples are answered 'waste', which 50 are"));
}

TEST(Diagnosis, SaysWhenAnswersAreNoneOfTheLabels) {
  Evidence strange = evidence(line(100, 2.0, 0.5), 0);
  strange.predictions.assign(100, -1);
  const Diagnosis diagnosis = diagnose(strange);
  EXPECT_EQ(diagnosis.verdict, Verdict::kNotLearned);
  EXPECT_THAT(diagnosis.findings,
              Contains("100 of 100 validation examples are answered with none of the labels"));
  EXPECT_EQ(diagnosis.figures.predicted_label, "");
}

TEST(Diagnosis, LeavesALabelAloneThatIsNearlyAlwaysRight) {
  const std::vector<int> predictions(100, 0);
  std::vector<int> answers(100, 0);
  answers[3] = 1;
  const std::vector<std::string> labels{"a", "b"};
  EXPECT_EQ(one_label_predicted(predictions, answers, labels), std::nullopt);
  EXPECT_EQ(one_label_predicted({}, {}, labels), std::nullopt);
}

TEST(Diagnosis, BlamesTheLearningRateForALossThatRose) {
  const auto losses = joined(line(50, 1.0, 0.5), line(50, 0.5, 4.0));
  const Diagnosis diagnosis = diagnose(evidence(losses, 50));
  EXPECT_EQ(diagnosis.verdict, Verdict::kDiverged);
  EXPECT_THAT(diagnosis.findings, Contains(HasSubstr("the loss rose to 3.3")));
  EXPECT_EQ(diagnosis.advice.at(0),
            "a lower learning rate (now 0.01): --set train.optimizer.lr=0.0033");
  EXPECT_THAT(diagnosis.advice.at(1), HasSubstr("max_grad_norm"));
}

TEST(Diagnosis, BlamesItForLossesThatWereNotFinite) {
  auto losses = line(50, 1.0, 0.7);
  losses[30] = std::numeric_limits<double>::quiet_NaN();
  const Diagnosis diagnosis = diagnose(evidence(losses, 50));
  EXPECT_EQ(diagnosis.verdict, Verdict::kDiverged);
  EXPECT_THAT(diagnosis.findings, Contains("the loss was not finite in 1 of 50 steps"));
}

TEST(Diagnosis, ARiseDoesNotTakeAwayWhatTheBestPromptHasLearned) {
  const auto losses = joined(line(50, 1.0, 0.2), line(50, 0.2, 4.0));
  const Diagnosis diagnosis = diagnose(evidence(losses, 95));
  EXPECT_EQ(diagnosis.verdict, Verdict::kLearned);
  EXPECT_THAT(diagnosis.findings, Contains(HasSubstr("the loss rose")));
}

TEST(Diagnosis, DoesNotCallScatterARise) {
  std::vector<double> losses;
  for (int i = 0; i < 60; ++i) losses.push_back(0.69 + (i % 2 == 0 ? 0.2 : -0.2));
  EXPECT_EQ(diagnose(evidence(losses, 50)).verdict, Verdict::kNotLearned);
}

TEST(Diagnosis, DoesNotDecideOnAFewExamples) {
  const Diagnosis diagnosis = diagnose(evidence(line(100, 2.0, 0.4), 7, 10));
  EXPECT_EQ(diagnosis.verdict, Verdict::kUndecided);
  EXPECT_THAT(diagnosis.advice, Contains(HasSubstr("a larger validation split")));
}

TEST(Diagnosis, JudgesByTheLossWhereValidationWasNotScored) {
  const auto unscored = [](double last) {
    Evidence result = evidence(joined(line(20, 3.0, last), line(80, last, last)), 0, 0);
    return diagnose(result);
  };
  EXPECT_EQ(unscored(0.69).verdict, Verdict::kNotLearned);
  EXPECT_EQ(unscored(0.3).verdict, Verdict::kUndecided);
  EXPECT_THAT(unscored(0.3).summary, HasSubstr("nobody knows"));
}

TEST(Diagnosis, OfATaskThatGeneratesLooksAtTheLossAlone) {
  Evidence generation{.losses = line(100, 2.0, 0.5), .labels = {}};
  EXPECT_EQ(diagnose(generation).verdict, Verdict::kUndecided);
  generation.losses = line(100, 2.0, 1.99);
  const Diagnosis flat = diagnose(generation);
  EXPECT_EQ(flat.verdict, Verdict::kNotLearned);
  EXPECT_THAT(flat.advice, Each(Not(HasSubstr("label"))));
}

TEST(Diagnosis, IsUndecidedWhereTheIntervalIncludesTheMajority) {
  // 48 of 100 beside 50: below, but its interval is 0.38 to 0.58. The loss fell far.
  const Diagnosis below = diagnose(evidence(line(100, 2.0, 0.2), 48));
  EXPECT_EQ(below.verdict, Verdict::kUndecided);
  EXPECT_THAT(below.summary, HasSubstr("undecided"));
  EXPECT_EQ(diagnose(evidence(line(100, 2.0, 0.2), 30)).verdict, Verdict::kNotLearned);
}

Evidence free_evidence(double score, double low, double high) {
  Evidence evidence{.losses = line(100, 2.0, 0.5), .labels = {}};
  evidence.free = {.metric = "BLEU",
                   .score = score,
                   .score_95 = {low, high},
                   .constant = "a stone",
                   .constant_score = 0.1,
                   .given = "a bird",
                   .times_given = 3,
                   .examples = 50};
  return evidence;
}

TEST(Diagnosis, OfFreeAnswersComparesTheScoreWithThatOfAConstantAnswer) {
  const Diagnosis learned = diagnose(free_evidence(0.4, 0.3, 0.5));
  EXPECT_EQ(learned.verdict, Verdict::kLearned);
  EXPECT_EQ(learned.summary,
            "learned: validation BLEU 0.40 (95 %: 0.30 to 0.50) against 0.10, that of always "
            "answering 'a stone'");
  EXPECT_EQ(diagnose(free_evidence(0.15, 0.05, 0.2)).verdict, Verdict::kUndecided);
  EXPECT_EQ(diagnose(free_evidence(0.05, 0.01, 0.09)).verdict, Verdict::kNotLearned);
  Evidence same = free_evidence(0.15, 0.05, 0.2);
  same.free->times_given = 50;
  EXPECT_EQ(diagnose(same).verdict, Verdict::kNotLearned);
  EXPECT_THAT(diagnose(same).findings,
              Contains("50 of 50 validation examples are answered 'a bird'"));
}

TEST(Diagnosis, OfNoStepsSaysSo) {
  const Diagnosis diagnosis = diagnose({});
  EXPECT_EQ(diagnosis.verdict, Verdict::kUndecided);
  EXPECT_EQ(diagnosis.summary, "no step was made");
  EXPECT_THAT(diagnosis.advice, IsEmpty());
}

void expect_equal(const Diagnosis& read, const Diagnosis& written) {
  EXPECT_EQ(read.verdict, written.verdict);
  EXPECT_EQ(read.summary, written.summary);
  EXPECT_EQ(read.findings, written.findings);
  EXPECT_EQ(read.advice, written.advice);
  EXPECT_EQ(read.figures.first_loss, written.figures.first_loss);
  EXPECT_EQ(read.figures.prior_loss, written.figures.prior_loss);
  EXPECT_EQ(read.figures.accuracy, written.figures.accuracy);
  EXPECT_EQ(read.figures.accuracy_95.high, written.figures.accuracy_95.high);
  EXPECT_EQ(read.figures.predicted_label, written.figures.predicted_label);
  ASSERT_EQ(read.figures.free.has_value(), written.figures.free.has_value());
  if (read.figures.free) {
    EXPECT_EQ(read.figures.free->score_95.high, written.figures.free->score_95.high);
    EXPECT_EQ(read.figures.free->given, written.figures.free->given);
  }
}

TEST(DiagnosisFile, ReadsWhatItWrote) {
  const incipit::testing::TemporaryFolder folder;
  const auto file = folder / "diagnosis.json";
  const Diagnosis judged = diagnose(evidence(line(100, 2.0, 0.4), 95));
  const Diagnosis empty = diagnose({});
  ASSERT_TRUE(judged.figures.accuracy && !empty.figures.accuracy);

  write_diagnoses(file, std::vector<std::pair<std::string, Diagnosis>>{{"", judged}});
  expect_equal(read_diagnosis(file, ""), judged);

  write_diagnoses(
      file, std::vector<std::pair<std::string, Diagnosis>>{{"roads", judged}, {"verdict", empty}});
  expect_equal(read_diagnosis(file, "roads"), judged);
  expect_equal(read_diagnosis(file, "verdict"), empty);
  EXPECT_THROW((void)read_diagnosis(file, "parks"), DataError);

  for (const char* damaged : {"", "{", "[]", "{\"verdict\": \"perhaps\"}"}) {
    folder.write("diagnosis.json", damaged);
    try {
      (void)read_diagnosis(file, "");
      ADD_FAILURE() << "read: " << damaged;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(file.string()));
    }
  }
}

}  // namespace
}  // namespace incipit::trainer
