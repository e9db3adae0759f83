// The Prometheus endpoint of a rank: http://HOST:PORT/metrics.
//
// Names and types are listed in docs/metrics.md. Every series exists from the start with
// the value 0. Without `listen` nothing is opened and recording costs next to nothing.
#pragma once

#include <memory>
#include <string>

#include "metrics/metrics_options.h"
#include "metrics/step_record.h"

namespace incipit::metrics {

// Who exports: timing is labelled by rank; loss, gradient norm and learning rate, equal on
// all ranks, come from rank 0 alone.
struct ExporterIdentity {
  int rank = 0;
  int local_rank = 0;
  std::string run_name{};  // goes into incipit_run_info with what follows
  std::string task{};
  std::string method{};
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
  void record_nonfinite_step();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace incipit::metrics
