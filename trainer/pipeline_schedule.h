// Who does what when: the micro-batches of a step through the stages of a pipeline, one forward,
// one backward (1F1B; Narayanan et al. 2021).
//
//   stage 0   F0 F1    B0 F2 B1 F3 B2    B3
//   stage 1      F0 B0 F1 B1 F2 B2 F3 B3
//
// A stage keeps at most as many micro-batches in flight as there are stages from it to the last.
#pragma once

#include <vector>

namespace incipit::trainer {

struct PipelineEvent {
  enum class Kind {
    kReceiveInput,     // of `forward`, from the stage before
    kForward,          // of `forward`
    kSendOutput,       // of `forward`, to the next stage
    kReceiveGradient,  // of the output of `backward`, from the next stage
    kBackward,         // of `backward`
    kSendGradient,     // of the input of `backward`, to the stage before
    // Two of these at once with one neighbour, which does the counterpart at once.
    kSendOutputReceiveGradient,
    kSendGradientReceiveInput,
  };
  Kind kind = Kind::kForward;
  int forward = -1;  // a micro-batch; -1: none
  int backward = -1;
  friend bool operator==(const PipelineEvent&, const PipelineEvent&) = default;
};

// What `stage` of `stages` does, in order. With one stage: forward and backward of each in turn.
[[nodiscard]] std::vector<PipelineEvent> pipeline_schedule(int stages, int stage,
                                                           int micro_batches);

}  // namespace incipit::trainer
