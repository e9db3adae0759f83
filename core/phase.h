// Measures the phases of a step: the time of each on the host and on the device, and the FLOPs of
// its matmuls.
//
//   PhaseRecorder recorder(counted_flops, make_device_clock(device));
//   {
//     const Phase step(kStepPhase);
//     Phase phase("forward");
//     ...
//     phase.next("backward");
//     ...
//   }
//   recorder.take_oldest();  // step, forward, backward
//
// Phases outside a step are not recorded. Without a recorder in its thread, a Phase only reads a
// thread-local pointer.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace incipit {

inline constexpr const char* kStepPhase = "step";

struct PhaseSpan {
  const char* name = "";
  int depth = 0;  // 0: the step; phases within a phase have one more
  // Seconds since the recorder was made. Without a device clock, both are equal.
  double host_begin = 0;
  double host_end = 0;
  double device_begin = 0;
  double device_end = 0;
  double flops = 0;  // with those of the phases within it
  [[nodiscard]] double host_seconds() const { return host_end - host_begin; }
  [[nodiscard]] double device_seconds() const { return device_end - device_begin; }
};

// Times of a device that works while the host runs ahead.
class DeviceClock {
 public:
  virtual ~DeviceClock() = default;
  // Marks the end of the work that was enqueued so far. Returns the mark's number.
  [[nodiscard]] virtual int mark() = 0;
  // Returns when the device reached a mark, in seconds since the clock was made; waits until it
  // has. Call once per mark, whose number may then be used again.
  [[nodiscard]] virtual double seconds(int mark) = 0;
};

// Records the phases of the thread that made it, until it is destroyed in the same thread. One per
// thread.
class PhaseRecorder {
 public:
  // `flops` returns the FLOPs that this thread has counted so far. `clock` is null where the host
  // does the work.
  explicit PhaseRecorder(std::function<double()> flops, std::unique_ptr<DeviceClock> clock = {});
  ~PhaseRecorder();
  PhaseRecorder(const PhaseRecorder&) = delete;
  PhaseRecorder& operator=(const PhaseRecorder&) = delete;

  // Returns the phases of the oldest complete step, in the order of their begin, and forgets them.
  // Waits until the device has done that step. Empty if no step is complete.
  [[nodiscard]] std::vector<PhaseSpan> take_oldest();

 private:
  friend class Phase;
  struct Open {
    PhaseSpan span;
    int begin_mark = -1;
    int end_mark = -1;
  };
  [[nodiscard]] double now() const;
  [[nodiscard]] int mark() { return clock_ ? clock_->mark() : -1; }
  void begin(const char* name);
  void end();

  std::function<double()> flops_;
  std::unique_ptr<DeviceClock> clock_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::vector<Open> step_;               // phases of the step in progress
  std::vector<std::size_t> open_;        // indices into step_ of those that have not ended
  std::deque<std::vector<Open>> steps_;  // complete
};

// A phase that ends with the scope. `name` is a string literal; null: not recorded.
class Phase {
 public:
  explicit Phase(const char* name);
  ~Phase();
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

  // Ends the phase before the scope ends.
  void end();
  // Ends the phase and begins another one.
  void next(const char* name);

 private:
  PhaseRecorder* recorder_;  // null: nothing is recorded, or the phase has ended
};

// No phase of this thread is recorded while it exists.
class PhasePause {
 public:
  PhasePause();
  ~PhasePause();
  PhasePause(const PhasePause&) = delete;
  PhasePause& operator=(const PhasePause&) = delete;

 private:
  PhaseRecorder* recorder_;
};

}  // namespace incipit
