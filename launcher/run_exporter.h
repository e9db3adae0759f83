// The Prometheus endpoint of a rank in a training run.
#pragma once

#include "launcher/session.h"
#include "metrics/exporter.h"

namespace incipit::launcher {

// Opens it where metrics.listen asks for one, with all that is known from the start; measures what
// the rank can do where metrics.peak_flops does not say. `resumed`: the run goes on from a
// checkpoint. Throws as metrics::Exporter does.
[[nodiscard]] metrics::Exporter open_exporter(const Session& session, bool resumed);

}  // namespace incipit::launcher
