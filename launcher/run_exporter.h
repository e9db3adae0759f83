// Prometheus endpoint of a rank in a training run.
#pragma once

#include <cstdint>

#include "launcher/session.h"
#include "telemetry/exporter.h"

namespace incipit::launcher {

// Opens the endpoint if metrics.listen asks for one, with all values known at the start. Measures
// the rank's peak FLOP/s unless metrics.peak_flops is set. `resumed_at`: the step of the checkpoint
// that the run continues from; 0: none. Throws as telemetry::Exporter does.
[[nodiscard]] telemetry::Exporter open_exporter(const Session& session, std::int64_t resumed_at);

// Returns metrics.peak_flops, or if it is not set measures the FLOP/s of large matmuls on this
// rank's device (nn/flops.h) and logs them.
[[nodiscard]] double peak_flops(const Session& session);

}  // namespace incipit::launcher
