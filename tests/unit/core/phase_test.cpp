#include "core/phase.h"

#include <gtest/gtest.h>

#include <string>

namespace incipit {
namespace {

double no_flops() { return 0; }

// A device that takes ten seconds for the work before each mark.
class TenSecondsAMark final : public DeviceClock {
 public:
  int mark() override { return marks_++; }
  double seconds(int mark) override { return 10.0 * mark; }

 private:
  int marks_ = 0;
};

std::string names(const std::vector<PhaseSpan>& spans) {
  std::string text;
  for (const PhaseSpan& span : spans) {
    text += std::string(static_cast<std::size_t>(span.depth), '.') + span.name + " ";
  }
  return text;
}

TEST(Phases, AreInTheOrderOfTheirBeginWithTheirDepth) {
  PhaseRecorder recorder(no_flops);
  {
    const Phase step(kStepPhase);
    Phase phase("a");
    { const Phase within("b"); }
    phase.next("c");
    phase.end();
    const Phase last("d");
  }
  EXPECT_EQ(names(recorder.take_oldest()), "step .a ..b .c .d ");
  EXPECT_TRUE(recorder.take_oldest().empty());
}

TEST(Phases, OutsideAStepOrWithoutANameAreNotRecorded) {
  PhaseRecorder recorder(no_flops);
  { const Phase outside("evaluation"); }
  {
    const Phase step(kStepPhase);
    const Phase nameless(nullptr);
    const Phase within("a");
  }
  EXPECT_EQ(names(recorder.take_oldest()), "step .a ");
}

TEST(Phases, OfAStepInProgressAreNotTaken) {
  PhaseRecorder recorder(no_flops);
  { const Phase first(kStepPhase); }
  const Phase second(kStepPhase);
  const Phase within("a");
  EXPECT_EQ(names(recorder.take_oldest()), "step ");
  EXPECT_TRUE(recorder.take_oldest().empty());
}

TEST(Phases, WithoutARecorderDoNothing) {
  Phase phase(kStepPhase);
  phase.next("a");
  phase.end();
  PhaseRecorder recorder(no_flops);
  EXPECT_TRUE(recorder.take_oldest().empty());
}

TEST(Phases, HaveTheFlopsCountedWithinThem) {
  double counted = 100;
  PhaseRecorder recorder([&] { return counted; });
  {
    const Phase step(kStepPhase);
    counted += 1;
    const Phase within("a");
    counted += 4;
  }
  const auto spans = recorder.take_oldest();
  ASSERT_EQ(spans.size(), 2);
  EXPECT_EQ(spans[0].flops, 5);
  EXPECT_EQ(spans[1].flops, 4);
}

TEST(Phases, HaveTheTimesOfTheHostAndOfTheDevice) {
  PhaseRecorder recorder(no_flops, std::make_unique<TenSecondsAMark>());
  {
    const Phase step(kStepPhase);
    const Phase within("a");
  }
  const auto spans = recorder.take_oldest();
  ASSERT_EQ(spans.size(), 2);
  EXPECT_EQ(spans[0].device_seconds(), 30);  // marks 0 and 3
  EXPECT_EQ(spans[1].device_begin, 10);
  EXPECT_EQ(spans[1].device_seconds(), 10);  // marks 1 and 2
  EXPECT_LT(spans[0].host_seconds(), 10);
  EXPECT_LE(spans[0].host_begin, spans[1].host_begin);
  EXPECT_GE(spans[0].host_end, spans[1].host_end);
}

}  // namespace
}  // namespace incipit
