// Progress of a long loop: a bar on a terminal, a log line now and then elsewhere.
//
//   Progress progress("train", 300);
//   for (...) progress.update(step, {{"loss", loss}}, 38.4);
//   progress.finish();
//
//   train  ━━━━━━━━━━╸            120/300  loss 0.6121  38.4 examples/s  eta 1m15s
//
// While a bar stands, log lines of core/log.h go above it. A second bar may stand in its place for
// a while: made and destroyed while the first is not updated. On rank 0 alone, all calls from one
// thread; logging from other threads is safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

namespace incipit::metrics {

struct ProgressOptions {
  std::int64_t start = 0;           // steps done by a former run: not counted in the time left
  double plain_every_seconds = 10;  // between lines where there is no terminal
  double redraw_every_seconds = 0.1;
  std::ostream* terminal = nullptr;  // draw here; nullptr: on standard error if it is a terminal
  int width = 0;                     // columns; 0: ask the terminal
  bool colour = true;                // where the terminal wants it
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
  ~Progress();  // takes an unfinished bar away
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;

  // `done` of `total`; an `examples_per_second` of 0 is not shown.
  void update(std::int64_t done, std::span<const ProgressValue> values = {},
              double examples_per_second = 0);
  void update(std::int64_t done, std::initializer_list<ProgressValue> values,
              double examples_per_second = 0) {
    update(done, std::span<const ProgressValue>(values.begin(), values.size()),
           examples_per_second);
  }

  // Shows the last state once more, with the time taken, and leaves it standing.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace incipit::metrics
