#include "metrics/exporter.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "core/error.h"

namespace incipit::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string scrape(int port) {
  const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(connection);
    return "no connection";
  }
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  (void)!::write(connection, request.data(), request.size());
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = ::read(connection, buffer, sizeof(buffer))) > 0;) answer.append(buffer, n);
  ::close(connection);
  return answer;
}

TEST(Exporter, IsOffWithoutAnAddress) {
  Exporter exporter({}, {});
  exporter.record({.step = 1});
  EXPECT_EQ(exporter.port(), 0);
}

TEST(Exporter, SeriesExistFromTheStartWithZero) {
  const Exporter exporter({.listen = "127.0.0.1:0"}, {.run_name = "demo"});
  const std::string page = scrape(exporter.port());
  for (const char* line :
       {"incipit_steps_total 0\n", "incipit_tokens_total 0\n", "incipit_samples_total 0\n",
        "incipit_nonfinite_steps_total 0\n", "incipit_loss 0\n", "incipit_learning_rate 0\n",
        "incipit_grad_norm 0\n", "incipit_data_wait_seconds_total{rank=\"0\"} 0\n",
        "incipit_comm_seconds_total{rank=\"0\"} 0\n",
        "incipit_step_duration_seconds_count{rank=\"0\"} 0\n",
        "incipit_run_info{method=\"\",run=\"demo\",task=\"\"} 1\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
}

TEST(Exporter, CountersAddUpAndGaugesShowTheLastStep) {
  Exporter exporter({.listen = "127.0.0.1:0"}, {});
  exporter.record({.step = 1,
                   .loss = 0.75,
                   .tokens = 100,
                   .samples = 8,
                   .seconds = 0.5,
                   .comm_seconds = 0.125});
  exporter.record(
      {.step = 2, .loss = 0.5, .tokens = 50, .samples = 8, .seconds = 2, .comm_seconds = 0.125});
  const std::string page = scrape(exporter.port());
  EXPECT_THAT(page, HasSubstr("incipit_steps_total 2\n"));
  EXPECT_THAT(page, HasSubstr("incipit_tokens_total 150\n"));
  EXPECT_THAT(page, HasSubstr("incipit_samples_total 16\n"));
  EXPECT_THAT(page, HasSubstr("incipit_loss 0.5\n"));
  EXPECT_THAT(page, HasSubstr("incipit_comm_seconds_total{rank=\"0\"} 0.25\n"));
  EXPECT_THAT(page, HasSubstr("incipit_step_duration_seconds_bucket{rank=\"0\",le=\"1\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("incipit_step_duration_seconds_sum{rank=\"0\"} 2.5\n"));
}

TEST(Exporter, OtherRanksExportOnlyTheirTiming) {
  const Exporter exporter({.listen = "127.0.0.1:0"}, {.rank = 1, .local_rank = 1});
  const std::string page = scrape(exporter.port());
  EXPECT_THAT(page, HasSubstr("incipit_comm_seconds_total{rank=\"1\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("incipit_loss")));
}

TEST(Exporter, TakesAFreePortWhenItsOwnIsTaken) {
  const Exporter first({.listen = "127.0.0.1:0"}, {});
  const std::string taken = "127.0.0.1:" + std::to_string(first.port());
  const Exporter second({.listen = taken}, {});
  EXPECT_NE(second.port(), first.port());
  EXPECT_THAT(scrape(second.port()), HasSubstr("incipit_steps_total 0\n"));
}

TEST(Exporter, ATakenPortEndsTheRunWhereAsked) {
  const Exporter first({.listen = "127.0.0.1:0"}, {});
  const std::string taken = "127.0.0.1:" + std::to_string(first.port());
  EXPECT_THROW(Exporter({.listen = taken, .port_taken = PortTaken::kError}, {}), ConfigError);
}

TEST(Exporter, RefusesWhatIsNoAddress) {
  for (const char* listen : {"9400", ":9400", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"}) {
    EXPECT_THROW(Exporter({.listen = listen}, {}), ConfigError) << listen;
  }
  EXPECT_THROW(Exporter({.listen = "127.0.0.1:65535"}, {.local_rank = 1}), ConfigError);
}

}  // namespace
}  // namespace incipit::metrics
