#include "core/log_options.h"

#include "core/schema.h"

namespace incipit::log {

void declare(Schema& schema, LogOptions& o) {
  schema.word("level", o.level, {"debug", "info", "warn", "error"},
              "least severe messages shown; ranks other than 0 show warnings and errors only");
  schema.field("tensorboard", o.tensorboard,
               "`train` also writes losses and scores as a TensorBoard event file, into the run's "
               "tensorboard/");
  schema.field(
      "profile", o.profile,
      "`train` also measures the phases of a step on rank 0, prints their times, FLOPs and "
      "share of the device's matmul rate, and writes them with a Chrome trace into the "
      "run's profile/ (docs/metrics.md)");
}

}  // namespace incipit::log
