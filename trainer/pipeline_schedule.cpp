#include "trainer/pipeline_schedule.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace incipit::trainer {
namespace {

using Kind = PipelineEvent::Kind;

// Collects events. Skips transfers with a neighbour that the first or last stage does not have.
class Events {
 public:
  Events(bool is_first, bool is_last) : is_first_(is_first), is_last_(is_last) {}

  void add(Kind kind, int forward, int backward) {
    const bool with_previous = kind == Kind::kReceiveInput || kind == Kind::kSendGradient ||
                               kind == Kind::kSendGradientReceiveInput;
    const bool with_next = kind == Kind::kSendOutput || kind == Kind::kReceiveGradient ||
                           kind == Kind::kSendOutputReceiveGradient;
    if ((with_previous && is_first_) || (with_next && is_last_)) return;
    all_.push_back({kind, forward, backward});
  }
  [[nodiscard]] std::vector<PipelineEvent> take() { return std::move(all_); }

 private:
  bool is_first_;
  bool is_last_;
  std::vector<PipelineEvent> all_;
};

}  // namespace

bool computes(const PipelineEvent& event) {
  return event.kind == Kind::kForward || event.kind == Kind::kBackward;
}

bool receives_input(const PipelineEvent& event) {
  return event.kind == Kind::kReceiveInput || event.kind == Kind::kSendGradientReceiveInput;
}

bool receives_gradient(const PipelineEvent& event) {
  return event.kind == Kind::kReceiveGradient || event.kind == Kind::kSendOutputReceiveGradient;
}

std::vector<PipelineEvent> pipeline_schedule(int stages, int stage, int micro_batches) {
  INCIPIT_CHECK(stage >= 0 && stage < stages && micro_batches >= 0);
  Events events(stage == 0, stage + 1 == stages);
  const int ahead = std::min(stages - 1 - stage, micro_batches);
  const int paired = micro_batches - ahead;
  for (int m = 0; m < ahead; ++m) {
    events.add(Kind::kReceiveInput, m, -1);
    events.add(Kind::kForward, m, -1);
    events.add(Kind::kSendOutput, m, -1);
  }
  if (paired > 0) events.add(Kind::kReceiveInput, ahead, -1);
  for (int m = 0; m < paired; ++m) {
    events.add(Kind::kForward, ahead + m, -1);
    events.add(Kind::kSendOutputReceiveGradient, ahead + m, m);
    events.add(Kind::kBackward, -1, m);
    if (m + 1 < paired) {
      events.add(Kind::kSendGradientReceiveInput, ahead + m + 1, m);
    } else {
      events.add(Kind::kSendGradient, -1, m);
    }
  }
  for (int m = paired; m < micro_batches; ++m) {
    events.add(Kind::kReceiveGradient, -1, m);
    events.add(Kind::kBackward, -1, m);
    events.add(Kind::kSendGradient, -1, m);
  }
  return events.take();
}

}  // namespace incipit::trainer
