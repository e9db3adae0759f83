// The Prometheus endpoint of a rank: http://HOST:PORT/metrics.
//
// Names and types are listed in docs/metrics.md. Every series exists from the start with
// the value 0. Without `listen` nothing is opened and recording costs next to nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/memory.h"
#include "metrics/metrics_options.h"
#include "metrics/step_record.h"

namespace incipit::metrics {

// Who exports, and what is known from the start. Timing and memory are labelled by rank; what is
// equal on all ranks, like the loss, comes from rank 0 alone.
struct ExporterIdentity {
  int rank = 0;
  int local_rank = 0;
  std::string version{};  // of the program; with libtorch's in incipit_build_info
  std::string libtorch{};
  std::string run_name{};  // with what follows in incipit_run_info
  std::string task{};
  std::string method{};
  // (task, split, metric): those in 0 to 1
  std::vector<std::array<std::string, 3>> scores{};
  std::int64_t restarts = 0;
  std::int64_t skipped_records = 0;
  double peak_flops = 0;  // operations a second of this rank; 0: unknown, no utilization is shown
};

class Exporter {
 public:
  // Listens on the options' host and port + local rank; logs where. Throws ConfigError when
  // `listen` is not HOST:PORT, or when the port is taken and the options call that an error.
  Exporter(const MetricsOptions& options, const ExporterIdentity& identity);
  ~Exporter();
  Exporter(Exporter&&) noexcept;
  Exporter& operator=(Exporter&&) noexcept;

  // The port listened on; 0: off.
  [[nodiscard]] int port() const;

  // Any thread.
  void record(const StepRecord& record);
  void record_memory(const MemoryUse& use);
  void record_nonfinite_step();
  // `seconds` taken; not `whole`: it could not be written.
  void record_checkpoint(double seconds, bool whole);
  // By metric; those that the identity does not name are left out.
  void record_scores(const std::string& task, const std::string& split,
                     std::span<const std::pair<std::string, double>> scores);
  void record_success();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace incipit::metrics
