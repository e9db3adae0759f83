#include "telemetry/endpoint_options.h"

#include "core/schema.h"

namespace incipit::telemetry {

void declare(Schema& schema, EndpointOptions& o) {
  schema.field("listen", o.listen,
               "HOST:PORT of the Prometheus endpoint (port + local rank); empty: off");
  schema.choice("port_taken", o.port_taken,
                {{"free", PortTaken::kFree}, {"error", PortTaken::kError}},
                "when the port is taken: use a free one, or end the run");
  schema.field("push", o.push,
               "http://HOST:PORT of a Pushgateway, which gets the outcome of the run; empty: off");
  schema.field("peak_flops", o.peak_flops,
               "operations a second a rank can do, for its utilization; 0: measured at the start",
               {.min = 0});
}

}  // namespace incipit::telemetry
