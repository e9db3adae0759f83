// The series of an endpoint, created with the value 0. docs/metrics.md lists them; a test compares
// that page with a scrape.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <string>

#include "telemetry/exporter.h"

namespace incipit::telemetry {

// Timing and memory, with the label `rank`; and the build information, whose labels show if a rank
// runs a different build.
struct RankSeries {
  RankSeries(prometheus::Registry& registry, const ExporterIdentity& identity);

  prometheus::Histogram& step_seconds;
  prometheus::Counter& data_wait;
  prometheus::Counter& comm;
  prometheus::Gauge& last_step;
  prometheus::Gauge& last_progress;
  prometheus::Gauge& memory;
  prometheus::Gauge& memory_peak;
  prometheus::Gauge* utilization = nullptr;  // null if the peak is unknown
};

// Values that are equal on all ranks, and values of work that only rank 0 does. Exported by rank 0.
struct JobSeries {
  JobSeries(prometheus::Registry& registry, const ExporterIdentity& identity);

  prometheus::Counter& steps;
  prometheus::Counter& tokens;
  prometheus::Counter& samples;
  prometheus::Counter& nonfinite;
  prometheus::Gauge& loss;
  prometheus::Gauge& learning_rate;
  prometheus::Gauge& grad_norm;
  prometheus::Histogram& checkpoint_seconds;
  prometheus::Counter& checkpoint_failures;
  prometheus::Gauge& last_checkpoint;
  prometheus::Gauge& steps_since_checkpoint;
  prometheus::Counter& push_failures;
  prometheus::Gauge& last_success;
  std::map<std::array<std::string, 3>, prometheus::Gauge*> scores;  // by task, split and metric
};

}  // namespace incipit::telemetry
