#include "metrics/exporter.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <charconv>
#include <chrono>
#include <map>
#include <stdexcept>

#include "core/error.h"
#include "core/log.h"

namespace incipit::metrics {
namespace {

using Labels = std::map<std::string, std::string>;

constexpr int kServerThreads = 2;  // one scrape at a time, and one to spare

struct Address {
  std::string host;
  int port = 0;
};

Address parse_address(const std::string& listen, int local_rank) {
  const std::size_t colon = listen.rfind(':');
  Address address;
  bool ok = colon != std::string::npos && colon > 0;
  if (ok) {
    address.host = listen.substr(0, colon);
    const char* begin = listen.data() + colon + 1;
    const char* end = listen.data() + listen.size();
    const auto [parsed, error] = std::from_chars(begin, end, address.port);
    ok = error == std::errc() && parsed == end && address.port >= 0 && address.port <= 65535;
  }
  if (!ok) {
    throw ConfigError("metrics.listen: '" + listen + "' is not HOST:PORT, like 127.0.0.1:9400");
  }
  if (address.port != 0) address.port += local_rank;
  if (address.port > 65535) {
    throw ConfigError("metrics.listen: port + local rank is " + std::to_string(address.port) +
                      ", beyond 65535: choose a lower port");
  }
  return address;
}

std::unique_ptr<prometheus::Exposer> try_open(const std::string& host, int port) {
  try {
    return std::make_unique<prometheus::Exposer>(host + ":" + std::to_string(port), kServerThreads);
  } catch (const std::runtime_error&) {  // the server's own exception derives from it
    return nullptr;
  }
}

std::unique_ptr<prometheus::Exposer> open_endpoint(const MetricsOptions& options,
                                                   const Address& address) {
  auto exposer = try_open(address.host, address.port);
  if (exposer) return exposer;
  const std::string where = address.host + ":" + std::to_string(address.port);
  if (options.port_taken == PortTaken::kError) {
    throw ConfigError("metrics.listen: cannot listen on " + where +
                      ": the port is taken or the host is not of this machine");
  }
  exposer = try_open(address.host, 0);
  if (!exposer) {
    throw ConfigError("metrics.listen: cannot listen on " + address.host +
                      ": not an address of this machine");
  }
  log::warn("metrics: {} is taken, a free port is used instead", where);
  return exposer;
}

prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, const Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const std::string& name,
                         const std::string& help, const Labels& labels = {}) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

// What all ranks agree on; exported by rank 0.
struct JobSeries {
  explicit JobSeries(prometheus::Registry& r)
      : steps(counter(r, "incipit_steps_total", "Optimizer steps done.")),
        tokens(counter(r, "incipit_tokens_total", "Rows computed in training, all ranks.")),
        samples(counter(r, "incipit_samples_total", "Training examples seen, all ranks.")),
        nonfinite(counter(r, "incipit_nonfinite_steps_total",
                          "Steps skipped because loss or gradient was not finite.")),
        loss(gauge(r, "incipit_loss", "Training loss of the last step, nats.")),
        learning_rate(gauge(r, "incipit_learning_rate", "Learning rate of the last step.")),
        grad_norm(gauge(r, "incipit_grad_norm", "Gradient norm before clipping, last step.")) {}
  prometheus::Counter& steps;
  prometheus::Counter& tokens;
  prometheus::Counter& samples;
  prometheus::Counter& nonfinite;
  prometheus::Gauge& loss;
  prometheus::Gauge& learning_rate;
  prometheus::Gauge& grad_norm;
};

struct RankSeries {
  RankSeries(prometheus::Registry& r, const Labels& rank)
      : step_seconds(prometheus::BuildHistogram()
                         .Name("incipit_step_duration_seconds")
                         .Help("Wall clock of a training step.")
                         .Register(r)
                         .Add(rank, prometheus::Histogram::BucketBoundaries{0.01, 0.03, 0.1, 0.3, 1,
                                                                            3, 10, 30, 100})),
        data_wait(counter(r, "incipit_data_wait_seconds_total",
                          "Time spent waiting for the next batch.", rank)),
        comm(counter(r, "incipit_comm_seconds_total", "Time spent in collectives.", rank)),
        last_step(gauge(r, "incipit_last_step_timestamp_seconds",
                        "Unix time at which the last step ended; 0: none yet.", rank)) {}
  prometheus::Histogram& step_seconds;
  prometheus::Counter& data_wait;
  prometheus::Counter& comm;
  prometheus::Gauge& last_step;
};

}  // namespace

struct Exporter::State {
  explicit State(const ExporterIdentity& identity)
      : rank(*registry, {{"rank", std::to_string(identity.rank)}}) {
    if (identity.rank != 0) return;
    job = std::make_unique<JobSeries>(*registry);
    gauge(*registry, "incipit_run_info", "Always 1; the labels describe the run.",
          {{"run", identity.run_name}, {"task", identity.task}, {"method", identity.method}})
        .Set(1);
  }
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  RankSeries rank;
  std::unique_ptr<JobSeries> job;  // rank 0
  std::unique_ptr<prometheus::Exposer> exposer;
};

Exporter::Exporter(const MetricsOptions& options, const ExporterIdentity& identity) {
  if (options.listen.empty()) return;
  const Address address = parse_address(options.listen, identity.local_rank);
  state_ = std::make_unique<State>(identity);
  state_->exposer = open_endpoint(options, address);
  state_->exposer->RegisterCollectable(state_->registry);
  log::info("metrics: http://{}:{}/metrics", address.host, port());
}

Exporter::~Exporter() = default;
Exporter::Exporter(Exporter&&) noexcept = default;
Exporter& Exporter::operator=(Exporter&&) noexcept = default;

int Exporter::port() const { return state_ ? state_->exposer->GetListeningPorts().at(0) : 0; }

void Exporter::record(const StepRecord& record) {
  if (!state_) return;
  state_->rank.step_seconds.Observe(record.seconds);
  state_->rank.data_wait.Increment(record.data_wait_seconds);
  state_->rank.comm.Increment(record.comm_seconds);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  state_->rank.last_step.Set(std::chrono::duration<double>(now).count());
  if (!state_->job) return;
  JobSeries& job = *state_->job;
  job.steps.Increment();
  job.tokens.Increment(static_cast<double>(record.tokens));
  job.samples.Increment(static_cast<double>(record.samples));
  job.loss.Set(record.loss);
  job.learning_rate.Set(record.learning_rate);
  job.grad_norm.Set(record.grad_norm);
}

void Exporter::record_nonfinite_step() {
  if (state_ && state_->job) state_->job->nonfinite.Increment();
}

}  // namespace incipit::metrics
