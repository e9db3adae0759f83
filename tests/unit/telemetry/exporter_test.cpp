#include "telemetry/exporter.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <ctime>
#include <limits>
#include <string>

#include "core/error.h"

namespace incipit::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Sends a request to an address and returns the whole answer.
template <typename Address>
std::string ask(const Address& address, const std::string& request) {
  const auto* place = reinterpret_cast<const sockaddr*>(&address);
  const int connection = ::socket(place->sa_family, SOCK_STREAM, 0);
  if (::connect(connection, place, sizeof(address)) != 0) {
    ::close(connection);
    return "no connection";
  }
  (void)!::write(connection, request.data(), request.size());
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = ::read(connection, buffer, sizeof(buffer))) > 0;) answer.append(buffer, n);
  ::close(connection);
  return answer;
}

std::string ask(int port, const std::string& request) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ask(address, request);
}

std::string scrape(int port) { return ask(port, "GET /metrics HTTP/1.0\r\n\r\n"); }

// The number after `series` on the page; NaN where it is missing.
double value_of(const std::string& page, const std::string& series) {
  const std::size_t at = page.find("\n" + series + " ");
  double value = std::numeric_limits<double>::quiet_NaN();
  if (at == std::string::npos) return value;
  const char* begin = page.data() + at + series.size() + 2;
  std::from_chars(begin, page.data() + page.size(), value);
  return value;
}

const EndpointOptions kAnyPort{.listen = "127.0.0.1:0"};

TEST(Exporter, IsOffWithoutAnAddress) {
  Exporter exporter({}, {});
  exporter.record({.step = 1});
  exporter.record_memory({});
  exporter.record_nonfinite_step();
  exporter.record_checkpoint(1, true);
  exporter.record_scores("t", "validation", {});
  exporter.record_success();
  EXPECT_EQ(exporter.port(), 0);
}

TEST(Exporter, SeriesExistFromTheStartWithZero) {
  const Exporter exporter(kAnyPort, {.version = "1.0",
                                     .libtorch = "2.11",
                                     .run_name = "demo",
                                     .task = "boolq",
                                     .scores = {{"boolq", "validation", "accuracy"}},
                                     .peak_flops = 1e9});
  const std::string page = scrape(exporter.port());
  for (const char* line :
       {"incipit_steps_total 0\n",
        "incipit_tokens_total 0\n",
        "incipit_samples_total 0\n",
        "incipit_nonfinite_steps_total 0\n",
        "incipit_loss 0\n",
        "incipit_learning_rate 0\n",
        "incipit_grad_norm 0\n",
        "incipit_data_wait_seconds_total{rank=\"0\"} 0\n",
        "incipit_comm_seconds_total{rank=\"0\"} 0\n",
        "incipit_step_duration_seconds_count{rank=\"0\"} 0\n",
        "incipit_last_step_timestamp_seconds{rank=\"0\"} 0\n",
        "incipit_device_memory_bytes{rank=\"0\"} 0\n",
        "incipit_device_memory_peak_bytes{rank=\"0\"} 0\n",
        "incipit_model_flops_utilization_ratio{rank=\"0\"} 0\n",
        "incipit_checkpoint_duration_seconds_count 0\n",
        "incipit_checkpoint_failures_total 0\n",
        "incipit_last_checkpoint_timestamp_seconds 0\n",
        "incipit_last_success_timestamp_seconds 0\n",
        "incipit_restarts 0\n",
        "incipit_input_records_skipped_total 0\n",
        "incipit_eval_score_ratio{metric=\"accuracy\",split=\"validation\",task=\"boolq\"} 0\n",
        "incipit_build_info{libtorch=\"2.11\",version=\"1.0\"} 1\n",
        "incipit_run_info{method=\"\",run=\"demo\",task=\"boolq\"} 1\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
}

TEST(Exporter, CountersAddUpAndGaugesShowTheLastStep) {
  Exporter exporter(kAnyPort, {});
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

TEST(Exporter, SaysHowManyStepsThereAreToDo) {
  const Exporter exporter(kAnyPort, {.steps_to_do = 40});
  EXPECT_THAT(scrape(exporter.port()), HasSubstr("incipit_target_steps 40\n"));
}

TEST(Exporter, AnswersWhetherTheProcessRuns) {
  const Exporter exporter(kAnyPort, {});
  const std::string page = ask(exporter.port(), "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(page, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(page, HasSubstr("\r\n\r\nok, last progress 0 s ago\n"));
}

TEST(Exporter, AnswersOtherRequestsInWords) {
  const Exporter exporter(kAnyPort, {});
  EXPECT_THAT(ask(exporter.port(), "GET /nothing HTTP/1.1\r\n\r\n"), HasSubstr(" 404 "));
  EXPECT_THAT(ask(exporter.port(), "POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
              HasSubstr(" 404 "));
  EXPECT_EQ(ask(exporter.port(), "x\r\n\r\n").substr(0, 12), "HTTP/1.1 400");
  EXPECT_EQ(ask(exporter.port(), std::string(40000, 'x')), "");
  const std::string head = ask(exporter.port(), "HEAD /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(head, HasSubstr(" 200 OK"));
  EXPECT_THAT(head, Not(HasSubstr("incipit_steps_total")));
}

TEST(Exporter, ListensOnIPv6) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const int probe = ::socket(AF_INET6, SOCK_STREAM, 0);
  const bool possible = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  ::close(probe);
  if (!possible) GTEST_SKIP() << "this machine has no IPv6";
  const Exporter exporter({.listen = "[::1]:0"}, {});
  address.sin6_port = htons(static_cast<std::uint16_t>(exporter.port()));
  EXPECT_THAT(ask(address, "GET /metrics HTTP/1.0\r\n\r\n"), HasSubstr("incipit_steps_total 0\n"));
}

TEST(Exporter, OtherRanksExportOnlyTheirTimingAndMemory) {
  Exporter exporter(kAnyPort, {.rank = 1, .local_rank = 1});
  exporter.record({.step = 1, .loss = 0.5});
  exporter.record_nonfinite_step();
  exporter.record_checkpoint(1, true);
  exporter.record_success();
  const std::string page = scrape(exporter.port());
  EXPECT_THAT(page, HasSubstr("incipit_comm_seconds_total{rank=\"1\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("incipit_device_memory_bytes{rank=\"1\"} 0\n"));
  for (const char* name : {"incipit_loss", "incipit_steps_total", "incipit_nonfinite_steps_total",
                           "incipit_checkpoint_duration_seconds", "incipit_last_success",
                           "incipit_eval_score_ratio", "incipit_run_info"}) {
    EXPECT_THAT(page, Not(HasSubstr(name)));
  }
}

TEST(Exporter, UtilizationIsWhatAStepNeededOverWhatTheRankCanDo) {
  Exporter exporter(kAnyPort, {.peak_flops = 100});
  exporter.record({.step = 1, .seconds = 2, .flops = 50});
  EXPECT_THAT(scrape(exporter.port()),
              HasSubstr("incipit_model_flops_utilization_ratio{rank=\"0\"} 0.25\n"));
}

TEST(Exporter, ShowsNoUtilizationOfAnUnknownPeak) {
  Exporter exporter(kAnyPort, {});
  exporter.record({.step = 1, .seconds = 2, .flops = 50});
  EXPECT_THAT(scrape(exporter.port()), Not(HasSubstr("utilization")));
}

TEST(Exporter, ShowsMemoryRestartsAndSkippedRecords) {
  Exporter exporter(kAnyPort, {.restarts = 3, .skipped_records = 7});
  exporter.record_memory({.bytes = 4096, .peak_bytes = 8192});
  const std::string page = scrape(exporter.port());
  EXPECT_THAT(page, HasSubstr("incipit_device_memory_bytes{rank=\"0\"} 4096\n"));
  EXPECT_THAT(page, HasSubstr("incipit_device_memory_peak_bytes{rank=\"0\"} 8192\n"));
  EXPECT_THAT(page, HasSubstr("incipit_restarts 3\n"));
  EXPECT_THAT(page, HasSubstr("incipit_input_records_skipped_total 7\n"));
}

TEST(Exporter, AFailedCheckpointIsCountedAndLeavesTheTimeOfTheLastWholeOne) {
  Exporter exporter(kAnyPort, {});
  exporter.record_checkpoint(0.5, false);
  std::string page = scrape(exporter.port());
  EXPECT_THAT(page, HasSubstr("incipit_checkpoint_failures_total 1\n"));
  EXPECT_THAT(page, HasSubstr("incipit_checkpoint_duration_seconds_count 0\n"));
  EXPECT_THAT(page, HasSubstr("incipit_last_checkpoint_timestamp_seconds 0\n"));
  exporter.record_checkpoint(0.5, true);
  page = scrape(exporter.port());
  EXPECT_THAT(page, HasSubstr("incipit_checkpoint_failures_total 1\n"));
  EXPECT_THAT(page, HasSubstr("incipit_checkpoint_duration_seconds_sum 0.5\n"));
  EXPECT_NEAR(value_of(page, "incipit_last_checkpoint_timestamp_seconds"),
              static_cast<double>(std::time(nullptr)), 60);
}

TEST(Exporter, ShowsTheScoresThatItWasToldOf) {
  Exporter exporter(
      kAnyPort,
      {.task = "t", .scores = {{"t", "validation", "accuracy"}, {"t", "test", "accuracy"}}});
  const std::array<std::pair<std::string, double>, 2> scores{{{"accuracy", 0.75}, {"other", 0.5}}};
  exporter.record_scores("t", "validation", scores);
  const std::string page = scrape(exporter.port());
  const std::string head = "incipit_eval_score_ratio{metric=\"accuracy\",split=";
  EXPECT_THAT(page, HasSubstr(head + "\"validation\",task=\"t\"} 0.75\n"));
  EXPECT_THAT(page, HasSubstr(head + "\"test\",task=\"t\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("other")));
}

TEST(Exporter, SuccessAndTheLastStepAreTimesOfTheClock) {
  Exporter exporter(kAnyPort, {});
  exporter.record({.step = 1});
  exporter.record_success();
  const std::string page = scrape(exporter.port());
  const auto now = static_cast<double>(std::time(nullptr));
  EXPECT_NEAR(value_of(page, "incipit_last_success_timestamp_seconds"), now, 60);
  EXPECT_NEAR(value_of(page, "incipit_last_step_timestamp_seconds{rank=\"0\"}"), now, 60);
}

TEST(Exporter, TakesAFreePortWhenItsOwnIsTaken) {
  const Exporter first(kAnyPort, {});
  const std::string taken = "127.0.0.1:" + std::to_string(first.port());
  const Exporter second({.listen = taken}, {});
  EXPECT_NE(second.port(), first.port());
  EXPECT_THAT(scrape(second.port()), HasSubstr("incipit_steps_total 0\n"));
}

TEST(Exporter, ATakenPortEndsTheRunWhereAsked) {
  const Exporter first(kAnyPort, {});
  const std::string taken = "127.0.0.1:" + std::to_string(first.port());
  EXPECT_THROW(Exporter({.listen = taken, .port_taken = PortTaken::kError}, {}), ConfigError);
}

TEST(Exporter, RefusesWhatIsNoAddress) {
  for (const char* listen :
       {"localhost", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", "70000"}) {
    EXPECT_THROW(Exporter({.listen = listen}, {}), ConfigError) << listen;
  }
  EXPECT_THROW(Exporter({.listen = "127.0.0.1:65535"}, {.local_rank = 1}), ConfigError);
}

}  // namespace
}  // namespace incipit::telemetry
