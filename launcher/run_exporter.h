// Prometheus endpoint of a rank in a training run.
#pragma once

#include "launcher/session.h"
#include "telemetry/exporter.h"

namespace incipit::launcher {

// Opens the endpoint if metrics.listen asks for one, with all values known at the start. Measures
// the rank's peak FLOP/s unless metrics.peak_flops is set. `resumed`: the run continues from a
// checkpoint. Throws as telemetry::Exporter does.
[[nodiscard]] telemetry::Exporter open_exporter(const Session& session, bool resumed);

}  // namespace incipit::launcher
