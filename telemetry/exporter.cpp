#include "telemetry/exporter.h"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <chrono>

#include "core/error.h"
#include "core/log.h"
#include "telemetry/http_server.h"
#include "telemetry/series.h"

namespace incipit::telemetry {
namespace {

using Pages = std::map<std::string, Page>;

Address address_of_rank(const EndpointOptions& options, int local_rank) {
  const auto problems = validate(options);
  if (!problems.empty()) throw ConfigError("metrics.listen: " + problems.front().message);
  Address address = *parse_address(options.listen);
  if (address.port != 0) address.port += local_rank;
  if (address.port > 65535) {
    throw ConfigError("metrics.listen: port + local rank is " + std::to_string(address.port) +
                      ", beyond 65535: choose a lower port");
  }
  return address;
}

std::unique_ptr<HttpServer> open_server(const EndpointOptions& options, const Address& address,
                                        const Pages& pages) {
  try {
    return std::make_unique<HttpServer>(address.host, address.port, pages);
  } catch (const DataError& error) {
    if (options.port_taken == PortTaken::kError) {
      throw ConfigError(std::string("metrics.listen: ") + error.what());
    }
  }
  try {
    auto server = std::make_unique<HttpServer>(address.host, 0, pages);
    log::warn("metrics: {}:{} is taken, port {} is used instead", address.host, address.port,
              server->port());
    return server;
  } catch (const DataError&) {
    throw ConfigError("metrics.listen: cannot listen on " + address.host +
                      ": not an address of this machine");
  }
}

double unix_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace

struct Exporter::State {
  explicit State(const ExporterIdentity& identity)
      : rank(*registry, identity), peak_flops(identity.peak_flops) {
    rank.last_progress.Set(unix_time());
    if (identity.rank == 0) job = std::make_unique<JobSeries>(*registry, identity);
  }
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  RankSeries rank;
  double peak_flops;
  std::unique_ptr<JobSeries> job;  // only on rank 0
  std::unique_ptr<HttpServer> server;

  [[nodiscard]] Pages pages() const {
    return {
        {"/metrics",
         {"text/plain; version=0.0.4; charset=utf-8",
          [from = registry] { return prometheus::TextSerializer().Serialize(from->Collect()); }}},
        {"/healthz", {"text/plain; charset=utf-8", [this] { return health(); }}}};
  }

  // "ok, last progress 3 s ago"
  [[nodiscard]] std::string health() const {
    const double ago = std::max(0.0, unix_time() - rank.last_progress.Value());
    return "ok, last progress " + std::to_string(static_cast<std::int64_t>(ago)) + " s ago\n";
  }
};

Exporter::Exporter(const EndpointOptions& options, const ExporterIdentity& identity) {
  if (options.listen.empty()) return;
  const Address address = address_of_rank(options, identity.local_rank);
  state_ = std::make_unique<State>(identity);
  state_->server = open_server(options, address, state_->pages());
  log::info("metrics: http://{}:{}/metrics", address.host, port());
}

Exporter::~Exporter() = default;
Exporter::Exporter(Exporter&&) noexcept = default;
Exporter& Exporter::operator=(Exporter&&) noexcept = default;

int Exporter::port() const { return state_ ? state_->server->port() : 0; }

void Exporter::record(const StepRecord& record) {
  if (!state_) return;
  const RankSeries& rank = state_->rank;
  rank.step_seconds.Observe(record.seconds);
  rank.data_wait.Increment(record.data_wait_seconds);
  rank.comm.Increment(record.comm_seconds);
  rank.last_step.Set(unix_time());
  rank.last_progress.Set(unix_time());
  if (rank.utilization != nullptr && record.seconds > 0) {
    rank.utilization->Set(record.flops / record.seconds / state_->peak_flops);
  }
  if (!state_->job) return;
  const JobSeries& job = *state_->job;
  job.steps.Increment();
  job.steps_since_checkpoint.Increment();
  job.tokens.Increment(static_cast<double>(record.tokens));
  job.samples.Increment(static_cast<double>(record.samples));
  job.loss.Set(record.loss);
  job.learning_rate.Set(record.learning_rate);
  job.grad_norm.Set(record.grad_norm);
}

void Exporter::record_memory(const MemoryUse& use) {
  if (!state_) return;
  state_->rank.memory.Set(use.bytes);
  state_->rank.memory_peak.Set(use.peak_bytes);
}

void Exporter::record_progress() {
  if (state_) state_->rank.last_progress.Set(unix_time());
}

void Exporter::record_nonfinite_step() {
  record_progress();
  if (state_ && state_->job) state_->job->nonfinite.Increment();
}

void Exporter::record_checkpoint(double seconds, bool whole) {
  record_progress();
  if (!state_ || !state_->job) return;
  const JobSeries& job = *state_->job;
  if (!whole) {
    job.checkpoint_failures.Increment();
    return;
  }
  job.checkpoint_seconds.Observe(seconds);
  job.last_checkpoint.Set(unix_time());
  job.steps_since_checkpoint.Set(0);
}

void Exporter::record_scores(const std::string& task, const std::string& split,
                             std::span<const std::pair<std::string, double>> scores) {
  if (!state_ || !state_->job) return;
  for (const auto& [metric, value] : scores) {
    const auto gauge = state_->job->scores.find({task, split, metric});
    if (gauge != state_->job->scores.end()) gauge->second->Set(value);
  }
}

void Exporter::record_push_failures(std::int64_t count) {
  if (!state_ || !state_->job) return;
  prometheus::Counter& failures = state_->job->push_failures;
  failures.Increment(static_cast<double>(count) - failures.Value());
}

void Exporter::record_success() {
  if (state_ && state_->job) state_->job->last_success.Set(unix_time());
}

}  // namespace incipit::telemetry
