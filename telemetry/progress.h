// Shows the progress of a long loop: a bar on a terminal, occasional log lines elsewhere.
//
//   Progress progress("train", 300);
//   for (...) progress.update(step, {{"loss", loss}}, 38.4);
//   progress.finish();
//
//   train  ━━━━━━━━━━╸            120/300  loss 0.6121  38.4 examples/s  eta 1m15s
//
// While a bar is shown, log lines (core/log.h) appear above it. A second bar may replace it
// temporarily: create and destroy it while the first is not updated. For rank 0 only. All calls
// must come from one thread; other threads may log.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

namespace incipit::telemetry {

struct ProgressOptions {
  std::int64_t start = 0;           // steps of a previous run; excluded from the estimated time
  double plain_every_seconds = 10;  // between log lines when there is no terminal
  double redraw_every_seconds = 0.1;
  std::ostream* terminal = nullptr;  // output; nullptr: standard error if it is a terminal
  int width = 0;                     // columns; 0: the terminal's width
  bool colour = true;                // if the terminal supports it
  std::chrono::steady_clock::time_point (*now)() = &std::chrono::steady_clock::now;  // for tests
};

// A named number to show.
struct ProgressValue {
  std::string_view name;
  double value = 0;
};

class Progress {
 public:
  Progress(std::string title, std::int64_t total, ProgressOptions options = {});
  ~Progress();  // erases an unfinished bar
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;

  // Shows `done` of `total` steps and the values. An `examples_per_second` of 0 is not shown.
  void update(std::int64_t done, std::span<const ProgressValue> values = {},
              double examples_per_second = 0);
  void update(std::int64_t done, std::initializer_list<ProgressValue> values,
              double examples_per_second = 0) {
    update(done, std::span<const ProgressValue>(values.begin(), values.size()),
           examples_per_second);
  }

  // Shows the last state with the elapsed time, and leaves it on the screen.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace incipit::telemetry
