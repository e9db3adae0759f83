#include "telemetry/push_client.h"

#include <httplib.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "core/error.h"

namespace incipit::telemetry {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

std::string url_encoded(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    std::array<char, 4> escape{};
    std::snprintf(escape.data(), escape.size(), "%%%02X", static_cast<unsigned char>(c));
    encoded += is_plain(c) ? std::string(1, c) : escape.data();
  }
  return encoded;
}

}  // namespace

PushTarget push_target(const std::string& url, const std::string& job) {
  constexpr std::string_view kScheme = "http://";
  std::string place = url.starts_with(kScheme) ? url.substr(kScheme.size()) : "";
  if (place.ends_with('/')) place.pop_back();
  const std::size_t colon = place.rfind(':');
  const std::string port = colon == std::string::npos ? "" : place.substr(colon + 1);
  const bool is_port = !port.empty() && port.size() <= 5 &&
                       port.find_first_not_of("0123456789") == std::string::npos;
  if (!is_port || colon == 0 || place.find('/') != std::string::npos) {
    throw ConfigError("metrics.push: '" + url + "' is not http://HOST:PORT, like " +
                      "http://127.0.0.1:9091");
  }
  return {place.substr(0, colon), std::stoi(port), "/metrics/job/" + url_encoded(job)};
}

std::string put(const PushTarget& target, const std::string& body,
                std::chrono::milliseconds patience) {
  httplib::Client client(target.host, target.port);
  client.set_connection_timeout(patience);
  client.set_read_timeout(patience);
  client.set_write_timeout(patience);
  const httplib::Result answer = client.Put(target.path, body, "text/plain; version=0.0.4");
  if (answer.error() == httplib::Error::Connection) return "cannot connect";
  if (!answer) return "no answer (" + httplib::to_string(answer.error()) + ")";
  if (answer->status / 100 == 2) return "";
  return "it answered " + std::to_string(answer->status) + " " + answer->reason;
}

}  // namespace incipit::telemetry
