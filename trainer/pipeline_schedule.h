// The 1F1B pipeline schedule: the order in which each stage runs the forward and backward passes of
// a step's micro-batches (Narayanan et al. 2021).
//
//   stage 0   F0 F1    B0 F2 B1 F3 B2    B3
//   stage 1      F0 B0 F1 B1 F2 B2 F3 B3
//
// A stage has at most as many micro-batches in flight as there are stages from it to the last,
// including itself.
#pragma once

#include <vector>

namespace incipit::trainer {

struct PipelineEvent {
  enum class Kind {
    kReceiveInput,     // input of `forward`, from the previous stage
    kForward,          // of `forward`
    kSendOutput,       // output of `forward`, to the next stage
    kReceiveGradient,  // gradient of `backward`'s output, from the next stage
    kBackward,         // of `backward`
    kSendGradient,     // gradient of `backward`'s input, to the previous stage
    // Both transfers with one neighbour at once; the neighbour does the counterpart.
    kSendOutputReceiveGradient,
    kSendGradientReceiveInput,
  };
  Kind kind = Kind::kForward;
  int forward = -1;  // micro-batch index; -1: none
  int backward = -1;
  friend bool operator==(const PipelineEvent&, const PipelineEvent&) = default;
};

// What an event does.
[[nodiscard]] bool computes(const PipelineEvent& event);
[[nodiscard]] bool receives_input(const PipelineEvent& event);
[[nodiscard]] bool receives_gradient(const PipelineEvent& event);

// Returns the events of `stage` of `stages`, in order. With one stage: forward and backward of each
// micro-batch in turn.
[[nodiscard]] std::vector<PipelineEvent> pipeline_schedule(int stages, int stage,
                                                           int micro_batches);

}  // namespace incipit::trainer
