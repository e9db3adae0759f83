// Pushes the outcome of a run to a Prometheus Pushgateway, for runs that end between two scrapes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace incipit::telemetry {

// What the outcome says of the run, in incipit_run_info.
struct PushedRun {
  std::string name{};  // also the Pushgateway's job
  std::string task{};
  std::string method{};
};

// Sends from a thread, so that a Pushgateway that is down or silent never delays a step. What
// cannot be sent is dropped, counted and logged. The destructor waits for the last push, at most a
// second.
class OutcomePush {
 public:
  // `url`: "http://HOST:PORT"; "": off. Pushes at once that the run has not succeeded yet, which
  // shows early whether the Pushgateway answers. Throws ConfigError if the URL is anything else.
  OutcomePush(const std::string& url, const PushedRun& run);
  ~OutcomePush();
  OutcomePush(OutcomePush&&) noexcept;
  OutcomePush& operator=(OutcomePush&&) = delete;

  // Main thread. Scores between 0 and 1 are pushed with the success.
  void record_scores(const std::string& task, const std::string& split,
                     std::span<const std::pair<std::string, double>> scores);
  void record_success();

  // Returns the number of pushes that failed so far, and logs those that have not been logged.
  [[nodiscard]] std::int64_t failures();

 private:
  struct State;
  void push();

  std::shared_ptr<State> state_;  // shared with the thread; null: off
};

}  // namespace incipit::telemetry
