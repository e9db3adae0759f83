#include "telemetry/push_client.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/error.h"

namespace incipit::telemetry {
namespace {

using Clock = std::chrono::steady_clock;

class Socket {
 public:
  explicit Socket(int file) : file_(file) {}
  ~Socket() {
    if (file_ >= 0) ::close(file_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int get() const { return file_; }

 private:
  int file_;
};

// Waits for `events`. Returns "" or why not.
std::string wait_for(int file, short events, Clock::time_point until) {
  pollfd waited{.fd = file, .events = events, .revents = 0};
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return "it did not answer in time";
    const int ready = ::poll(&waited, 1, static_cast<int>(left.count()));
    if (ready > 0) return "";
    if (ready < 0 && errno != EINTR) return std::strerror(errno);
  }
}

std::string connect_to(int file, const addrinfo& address, Clock::time_point until) {
  if (::connect(file, address.ai_addr, address.ai_addrlen) == 0) return "";
  if (errno != EINPROGRESS) return std::strerror(errno);
  std::string problem = wait_for(file, POLLOUT, until);
  if (!problem.empty()) return problem;
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? "" : std::strerror(error);
}

std::string send_all(int file, std::string_view text, Clock::time_point until) {
  while (!text.empty()) {
    const ssize_t sent = ::send(file, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      std::string problem = wait_for(file, POLLOUT, until);
      if (!problem.empty()) return problem;
    } else if (errno != EINTR) {
      return std::strerror(errno);
    }
  }
  return "";
}

// Reads the status line of the answer.
std::string read_status(int file, Clock::time_point until) {
  std::string answer;
  std::array<char, 512> part{};
  while (answer.find('\n') == std::string::npos && answer.size() < 4096) {
    std::string problem = wait_for(file, POLLIN, until);
    if (!problem.empty()) return problem;
    const ssize_t count = ::recv(file, part.data(), part.size(), 0);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) break;
    answer.append(part.data(), static_cast<std::size_t>(count));
  }
  const std::string line = answer.substr(0, answer.find_first_of("\r\n"));
  const bool accepted = line.starts_with("HTTP/1.") && line.size() > 9 && line[9] == '2';
  return accepted ? "" : "it answered '" + line + "'";
}

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
  return {place.substr(0, colon), port, "/metrics/job/" + url_encoded(job)};
}

std::string put(const PushTarget& target, const std::string& body,
                std::chrono::milliseconds patience) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(target.host.c_str(), target.port.c_str(), &wanted, &found);
      error != 0) {
    return ::gai_strerror(error);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  const auto until = Clock::now() + patience;
  const std::string request = "PUT " + target.path + " HTTP/1.1\r\nHost: " + target.host + ":" +
                              target.port +
                              "\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
  std::string problem;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const Socket socket(::socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) return std::strerror(errno);
    problem = connect_to(socket.get(), *each, until);
    if (!problem.empty()) continue;
    problem = send_all(socket.get(), request, until);
    return problem.empty() ? read_status(socket.get(), until) : problem;
  }
  return problem;
}

}  // namespace incipit::telemetry
