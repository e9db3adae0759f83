// The endpoint of a rank for other programs: http://HOST:PORT/metrics for Prometheus, and /healthz,
// which answers while the process runs, with the time since the last progress.
//
// docs/metrics.md lists names and types. Every series exists from the start with the value 0.
// Without `listen` no port is opened and recording costs almost nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/memory.h"
#include "telemetry/endpoint_options.h"
#include "telemetry/step_record.h"

namespace incipit::telemetry {

// The rank that exports, and the values known from the start. Timing and memory are labelled by
// rank. Only rank 0 exports values that are equal on all ranks, like the loss.
struct ExporterIdentity {
  int rank = 0;
  int local_rank = 0;
  int ranks = 1;          // of the job
  std::string version{};  // of the program; in incipit_build_info, as is `libtorch`
  std::string libtorch{};
  std::string run_name{};  // in incipit_run_info, as are `task` and `method`
  std::string task{};
  std::string method{};
  // (task, split, metric), only of metrics between 0 and 1
  std::vector<std::array<std::string, 3>> scores{};
  std::int64_t restarts = 0;
  std::int64_t skipped_records = 0;
  std::int64_t checkpoint_interval = 0;  // train.checkpoint_every
  std::int64_t steps_to_do = 0;          // by this process: train.steps less those before it
  double peak_flops = 0;  // FLOP/s of this rank; 0: unknown, utilization is not exported
};

class Exporter {
 public:
  // Listens on the options' host and port + local rank, and logs the address. Throws ConfigError if
  // `listen` is not HOST:PORT, or if the port is taken and `port_taken` is kError.
  Exporter(const EndpointOptions& options, const ExporterIdentity& identity);
  ~Exporter();
  Exporter(Exporter&&) noexcept;
  Exporter& operator=(Exporter&&) noexcept;

  // Returns the port; 0 if the exporter is off.
  [[nodiscard]] int port() const;

  // Any thread.
  void record(const StepRecord& record);
  void record_memory(const MemoryUse& use);
  // The rank does something besides training steps, such as an evaluation.
  void record_progress();
  void record_nonfinite_step();
  // `seconds` is the time it took; `whole` is false if the checkpoint could not be written.
  void record_checkpoint(double seconds, bool whole);
  // Scores by metric. Ignores metrics that the identity does not list.
  void record_scores(const std::string& task, const std::string& split,
                     std::span<const std::pair<std::string, double>> scores);
  // The number of pushes that failed since the run started.
  void record_push_failures(std::int64_t count);
  void record_success();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace incipit::telemetry
