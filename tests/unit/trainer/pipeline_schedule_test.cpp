#include "trainer/pipeline_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace incipit::trainer {
namespace {

using Kind = PipelineEvent::Kind;

// Runs all stages with transfers that wait for their counterpart, as the strictest backend does.
class Pipeline {
 public:
  Pipeline(int stages, int micro_batches) : at_(stages), flying_(stages), most_(stages) {
    for (int s = 0; s < stages; ++s) events_.push_back(pipeline_schedule(stages, s, micro_batches));
  }

  // False when stages wait for each other without end.
  bool run() {
    bool moved = true;
    while (moved) {
      moved = false;
      for (int s = 0; s < size(); ++s) moved = advance(s) || moved;
    }
    for (int s = 0; s < size(); ++s) {
      if (!done(s)) return false;
    }
    return true;
  }

  [[nodiscard]] int most_in_flight(int stage) const { return most_[stage]; }
  [[nodiscard]] std::size_t finished() const { return backward_.size(); }

 private:
  [[nodiscard]] int size() const { return static_cast<int>(events_.size()); }
  [[nodiscard]] bool done(int s) const { return at_[s] == events_[s].size(); }
  [[nodiscard]] const PipelineEvent& now(int s) const { return events_[s][at_[s]]; }

  // What stage s + 1 does when stage s does `event`.
  static PipelineEvent counterpart(PipelineEvent event) {
    const std::map<Kind, Kind> kinds{
        {Kind::kSendOutput, Kind::kReceiveInput},
        {Kind::kReceiveGradient, Kind::kSendGradient},
        {Kind::kSendOutputReceiveGradient, Kind::kSendGradientReceiveInput}};
    event.kind = kinds.at(event.kind);
    return event;
  }

  bool advance(int s) {
    if (done(s)) return false;
    const PipelineEvent event = now(s);
    switch (event.kind) {
      case Kind::kForward:
        EXPECT_TRUE(s == 0 || has_input_.contains({s, event.forward}));
        most_[s] = std::max(most_[s], ++flying_[s]);
        ++at_[s];
        return true;
      case Kind::kBackward:
        EXPECT_TRUE(s + 1 == size() || has_gradient_.contains({s, event.backward}));
        EXPECT_TRUE(backward_.insert({s, event.backward}).second);
        --flying_[s];
        ++at_[s];
        return true;
      case Kind::kSendOutput:
      case Kind::kReceiveGradient:
      case Kind::kSendOutputReceiveGradient:
        if (done(s + 1) || now(s + 1) != counterpart(event)) return false;
        has_input_.insert({s + 1, event.forward});
        has_gradient_.insert({s, event.backward});
        ++at_[s];
        ++at_[s + 1];
        return true;
      default:
        return false;  // the stage before moves both
    }
  }

  std::vector<std::vector<PipelineEvent>> events_;
  std::vector<std::size_t> at_;
  std::vector<int> flying_;
  std::vector<int> most_;
  std::set<std::pair<int, int>> has_input_, has_gradient_, backward_;  // stage, micro-batch
};

TEST(PipelineSchedule, EveryMicroBatchGoesThroughEveryStageAndBack) {
  for (int stages = 1; stages <= 6; ++stages) {
    for (int micro_batches = 0; micro_batches <= 13; ++micro_batches) {
      Pipeline pipeline(stages, micro_batches);
      EXPECT_TRUE(pipeline.run()) << stages << " stages, " << micro_batches << " micro-batches";
      EXPECT_EQ(pipeline.finished(), static_cast<std::size_t>(stages * micro_batches));
    }
  }
}

TEST(PipelineSchedule, KeepsNoMoreInFlightThanThereAreStagesToTheEnd) {
  Pipeline pipeline(4, 20);
  ASSERT_TRUE(pipeline.run());
  for (int stage = 0; stage < 4; ++stage) EXPECT_EQ(pipeline.most_in_flight(stage), 4 - stage);
}

// So what the next computation needs is known before this one.
TEST(PipelineSchedule, ReceivesOnceAtMostBetweenTwoComputations) {
  for (int stages = 1; stages <= 6; ++stages) {
    for (int stage = 0; stage < stages; ++stage) {
      int received = 0;
      int all = 0;
      for (const PipelineEvent& event : pipeline_schedule(stages, stage, 9)) {
        received =
            computes(event) ? 0 : received + receives_input(event) + receives_gradient(event);
        all += computes(event) ? 0 : receives_input(event) + receives_gradient(event);
        EXPECT_LE(received, 1);
      }
      EXPECT_EQ(all, 9 * ((stage > 0) + (stage + 1 < stages)));
    }
  }
}

TEST(PipelineSchedule, OneStageTakesMicroBatchesInTurn) {
  const std::vector<PipelineEvent> expected{{Kind::kForward, 0, -1},
                                            {Kind::kBackward, -1, 0},
                                            {Kind::kForward, 1, -1},
                                            {Kind::kBackward, -1, 1}};
  EXPECT_EQ(pipeline_schedule(1, 0, 2), expected);
}

TEST(PipelineSchedule, AMiddleStageTalksToBothNeighbours) {
  const std::vector<PipelineEvent> expected{
      {Kind::kReceiveInput, 0, -1},  // runs ahead
      {Kind::kForward, 0, -1},         {Kind::kSendOutput, 0, -1},
      {Kind::kReceiveInput, 1, -1},  // one forward, one backward
      {Kind::kForward, 1, -1},         {Kind::kSendOutputReceiveGradient, 1, 0},
      {Kind::kBackward, -1, 0},        {Kind::kSendGradientReceiveInput, 2, 0},
      {Kind::kForward, 2, -1},         {Kind::kSendOutputReceiveGradient, 2, 1},
      {Kind::kBackward, -1, 1},        {Kind::kSendGradient, -1, 1},
      {Kind::kReceiveGradient, -1, 2},  // what is left
      {Kind::kBackward, -1, 2},        {Kind::kSendGradient, -1, 2}};
  EXPECT_EQ(pipeline_schedule(3, 1, 3), expected);
}

}  // namespace
}  // namespace incipit::trainer
