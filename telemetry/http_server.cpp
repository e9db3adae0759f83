#include "telemetry/http_server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"

namespace incipit::telemetry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostServed = 64;              // the oldest is closed for another
constexpr std::size_t kMostRequestBytes = 1 << 14;   // without a body
constexpr std::chrono::seconds kRequestPatience{2};  // for a request and its answer
constexpr int kQueue = 64;                           // connections that wait to be accepted

class ServerSocket {
 public:
  explicit ServerSocket(int fd = -1) : fd_(fd) {}
  ~ServerSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  ServerSocket(ServerSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ServerSocket& operator=(ServerSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail_to_listen(const std::string& host, int port, const char* why) {
  throw DataError("cannot listen on " + host + ":" + std::to_string(port) + ": " + why);
}

// Returns a socket that listens on the first address of the host that allows it.
ServerSocket listen_on(const std::string& host, int port) {
  const bool bracketed = host.front() == '[';
  const std::string name = bracketed ? host.substr(1, host.size() - 2) : host;
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (error != 0) fail_to_listen(host, port, ::gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, &::freeaddrinfo);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    ServerSocket socket(
        ::socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, each->ai_protocol));
    const int yes = 1;
    if (socket.get() < 0) continue;
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (::bind(socket.get(), each->ai_addr, each->ai_addrlen) == 0 &&
        ::listen(socket.get(), kQueue) == 0) {
      return socket;
    }
  }
  fail_to_listen(host, port, std::strerror(errno));
}

int port_of(const ServerSocket& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  (void)::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

struct Client {
  ServerSocket socket;
  Clock::time_point deadline;
  std::string request{};
  std::string answer{};  // what is still to be sent
  bool answered = false;
  bool done = false;
};

std::string response(const std::string& status, const std::string& type, const std::string& body,
                     bool with_body) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
         (with_body ? body : "");
}

}  // namespace

class HttpServer::Loop {
 public:
  Loop(const std::string& host, int port, std::map<std::string, Page> pages)
      : pages_(std::move(pages)),
        listener_(listen_on(host, port)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}
  ~Loop() {
    thread_.request_stop();
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof(one));
  }

  [[nodiscard]] int port() const { return port_of(listener_); }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<pollfd> waits{{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      for (const Client& client : clients_) {
        waits.push_back(
            {client.socket.get(), static_cast<short>(client.answered ? POLLOUT : POLLIN), 0});
      }
      (void)::poll(waits.data(), waits.size(), wait_ms());
      for (std::size_t i = 0; i < clients_.size(); ++i) {
        if (waits[i + 2].revents != 0) serve(clients_[i]);
      }
      const auto now = Clock::now();
      std::erase_if(clients_,
                    [&](const Client& client) { return client.done || client.deadline <= now; });
      if (waits[1].revents != 0) accept_all();
    }
  }

  // Until the first deadline; forever without clients.
  [[nodiscard]] int wait_ms() const {
    if (clients_.empty()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(clients_.front().deadline - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, left.count()));
  }

  void accept_all() {
    while (true) {
      ServerSocket socket(
          ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.get() < 0) return make_room(errno);
      if (clients_.size() == kMostServed) clients_.erase(clients_.begin());
      clients_.push_back(
          {.socket = std::move(socket), .deadline = Clock::now() + kRequestPatience});
    }
  }

  // Without a free descriptor a connection stays in the queue, and poll() returns at once.
  void make_room(int error) {
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
    if (!clients_.empty()) clients_.erase(clients_.begin());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }

  void serve(Client& client) {
    if (!client.answered) read(client);
    if (client.answered) write(client);
  }

  void read(Client& client) {
    std::array<char, 4096> part;
    const ssize_t count = ::recv(client.socket.get(), part.data(), part.size(), 0);
    if (count <= 0) {
      client.done = count == 0 || (errno != EAGAIN && errno != EINTR);
      return;
    }
    client.request.append(part.data(), static_cast<std::size_t>(count));
    if (client.request.find("\r\n\r\n") == std::string::npos) {
      client.done = client.request.size() > kMostRequestBytes;
      return;
    }
    client.answer = answer(client.request);
    client.answered = true;
  }

  static void write(Client& client) {
    const ssize_t count =
        ::send(client.socket.get(), client.answer.data(), client.answer.size(), MSG_NOSIGNAL);
    if (count < 0) {
      client.done = errno != EAGAIN && errno != EINTR;
      return;
    }
    client.answer.erase(0, static_cast<std::size_t>(count));
    client.done = client.answer.empty();
  }

  [[nodiscard]] std::string answer(std::string_view request) const {
    const std::string_view line = request.substr(0, request.find("\r\n"));
    const std::size_t space = line.find(' ');
    const std::string_view method = line.substr(0, space);
    const std::string_view rest = space == std::string_view::npos ? "" : line.substr(space + 1);
    const std::string path(rest.substr(0, rest.find_first_of(" ?")));
    if (method != "GET" && method != "HEAD") {
      return response("405 Method Not Allowed", "text/plain", "expected GET\n", true);
    }
    const auto page = pages_.find(path);
    const bool with_body = method == "GET";
    if (page == pages_.end())
      return response("404 Not Found", "text/plain", "no such page\n", with_body);
    return response("200 OK", page->second.content_type, page->second.text(), with_body);
  }

  std::map<std::string, Page> pages_;
  ServerSocket listener_;
  ServerSocket wake_;
  std::vector<Client> clients_;  // the thread's; in the order of their deadlines
  std::jthread thread_;          // last: it uses the others
};

HttpServer::HttpServer(const std::string& host, int port, std::map<std::string, Page> pages)
    : loop_(std::make_unique<Loop>(host, port, std::move(pages))) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return loop_->port(); }

}  // namespace incipit::telemetry
