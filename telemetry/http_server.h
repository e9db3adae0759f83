// A small HTTP server for texts that other programs poll: metrics, health.
//
// One thread answers all clients without blocking, so a client that sends or reads nothing delays
// no other. Each request is GET or HEAD of a known path; the connection is closed after the answer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace incipit::telemetry {

struct Page {
  std::string content_type;
  std::function<std::string()> text;  // called on the server's thread
};

class HttpServer {
 public:
  // Listens on a host name, an IPv4 address or a bracketed IPv6 address ("[::1]"). Port 0 takes a
  // free one. Throws DataError with the system's message if it cannot listen there.
  HttpServer(const std::string& host, int port, std::map<std::string, Page> pages);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int port() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace incipit::telemetry
