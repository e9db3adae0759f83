#include "telemetry/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <utility>

#include "core/error.h"
#include "telemetry/broken_connections.h"

namespace incipit::telemetry {
namespace {

constexpr std::size_t kThreads = 8;
constexpr std::chrono::seconds kClientPatience{1};  // for a request, and for each part of it

// By default httplib shares its port with any program that allows it.
void reuse_address_only(socket_t socket) {
  const int yes = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

std::string without_brackets(const std::string& host) {
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

std::unique_ptr<httplib::Server> make_server() {
  const KeepSigpipe keep;
  return std::make_unique<httplib::Server>();
}

}  // namespace

struct HttpServer::State {
  std::unique_ptr<httplib::Server> server = make_server();
  int port = 0;
  std::future<void> served;
};

HttpServer::HttpServer(const std::string& host, int port, std::map<std::string, Page> pages)
    : state_(std::make_unique<State>()) {
  httplib::Server& server = *state_->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_socket_options(reuse_address_only);
  server.set_keep_alive_max_count(1);
  server.set_keep_alive_timeout(kClientPatience.count());
  server.set_read_timeout(kClientPatience);
  server.set_write_timeout(kClientPatience);
  for (auto& [path, page] : pages) {
    server.Get(path, [page = std::move(page)](const httplib::Request&, httplib::Response& to) {
      to.set_content(page.text(), page.content_type);
    });
  }
  const std::string address = without_brackets(host);
  const bool bound = port == 0 ? (state_->port = server.bind_to_any_port(address)) > 0
                               : server.bind_to_port(address, port);
  if (!bound) {
    throw DataError("cannot listen on " + host + ":" + std::to_string(port) +
                    ": the port is taken, or this is no address of this machine");
  }
  if (port != 0) state_->port = port;
  state_->served = std::async(std::launch::async, [&server] {
    block_sigpipe();
    server.listen_after_bind();
  });
  // Before that, it cannot be stopped.
  while (!server.is_running() &&
         state_->served.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
  }
}

HttpServer::~HttpServer() { state_->server->stop(); }

int HttpServer::port() const { return state_->port; }

}  // namespace incipit::telemetry
