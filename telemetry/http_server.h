// An HTTP server for texts that other programs poll: metrics, health.
//
// Its threads wait at most a second for a client, so that clients which send or read nothing do not
// hold up others for long.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace incipit::telemetry {

struct Page {
  std::string content_type;
  std::function<std::string()> text;  // called on one of the server's threads
};

class HttpServer {
 public:
  // Listens on a host name, an IPv4 address or a bracketed IPv6 address ("[::1]"). Port 0 takes a
  // free one. The keys of `pages` are paths. Throws DataError if it cannot listen there.
  HttpServer(const std::string& host, int port, std::map<std::string, Page> pages);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace incipit::telemetry
