#include "telemetry/endpoint_options.h"

#include <charconv>

#include "core/schema.h"

namespace incipit::telemetry {

std::optional<Address> parse_address(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  const bool only_port = colon == std::string::npos;
  Address address{.host = only_port ? "127.0.0.1" : listen.substr(0, colon), .port = 0};
  if (address.host.empty()) address.host = "0.0.0.0";
  const char* begin = listen.data() + (only_port ? 0 : colon + 1);
  const char* end = listen.data() + listen.size();
  const auto [parsed, error] = std::from_chars(begin, end, address.port);
  const bool is_port = error == std::errc() && parsed == end && begin != end && address.port >= 0 &&
                       address.port <= 65535;
  const bool bracketed = address.host.front() == '[' && address.host.back() == ']';
  const bool is_host = bracketed || address.host.find_first_of("[]:") == std::string::npos;
  if (!is_port || !is_host) return std::nullopt;
  return address;
}

std::vector<OptionProblem> validate(const EndpointOptions& options) {
  if (options.listen.empty() || parse_address(options.listen)) return {};
  return {{"listen", "'" + options.listen +
                         "' is no address; expected HOST:PORT like 127.0.0.1:9400, [::1]:9400, "
                         ":9400 (every address) or 9400 (this machine), with a port up to 65535"}};
}

void declare(Schema& schema, EndpointOptions& o) {
  schema.field("listen", o.listen,
               "HOST:PORT, :PORT or PORT of the Prometheus endpoint (port + local rank); empty: "
               "off");
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
