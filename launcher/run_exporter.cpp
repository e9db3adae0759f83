#include "launcher/run_exporter.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/log.h"
#include "data/task_metrics.h"
#include "eval/evaluation.h"
#include "launcher/system_info.h"
#include "methods/method_options.h"
#include "nn/flops.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

std::int64_t number_of(const char* variable) {
  std::int64_t count = 0;
  if (const char* text = std::getenv(variable); text != nullptr) {
    std::from_chars(text, text + std::strlen(text), count);
  }
  return count;
}

// Returns how often scripts/supervise.sh and Slurm have restarted this job. If neither did: 1 for a
// resumed run, else 0.
std::int64_t restarts(bool resumed) {
  const std::int64_t count = number_of("INCIPIT_RESTART_COUNT") + number_of("SLURM_RESTART_COUNT");
  return count > 0 ? count : (resumed ? 1 : 0);
}

std::int64_t skipped_records(const data::Splits& splits) {
  std::int64_t skipped = splits.train.skipped() + splits.test.skipped();
  // A validation split taken from the training file repeats the records skipped there.
  if (splits.validation.file() != splits.train.file()) skipped += splits.validation.skipped();
  return skipped;
}

}  // namespace

double peak_flops(const Session& session) {
  if (session.config.metrics.peak_flops > 0) return session.config.metrics.peak_flops;
  const double measured =
      nn::measured_peak_flops(session.backbone->dtype(), session.backbone->device());
  log::info("{} GFLOP/s, as measured in large matmuls, are full utilization",
            telemetry::fixed(measured / 1e9, 1));
  return measured;
}

telemetry::Exporter open_exporter(const Session& session, std::int64_t resumed_at) {
  const configs::RunConfig& config = session.config;
  if (config.metrics.listen.empty()) return {config.metrics, {}};
  std::int64_t skipped = 0;
  for (const data::LoadedTask& task : session.tasks) skipped += skipped_records(task.splits);
  telemetry::ExporterIdentity identity{
      .rank = session.world().rank(),
      .local_rank = session.local.rank,
      .ranks = session.world().size(),
      .version = incipit_version(),
      .libtorch = libtorch_version(),
      .run_name = config.run.name,
      .task = configs::task_names(config),  // a label never contains a path
      .method = config.method.kind,
      .restarts = restarts(resumed_at > 0),
      .skipped_records = skipped,
      .checkpoint_interval = config.train.checkpoint_every,
      .steps_to_do = config.train.steps - resumed_at,
      .peak_flops = peak_flops(session)};
  for (const data::LoadedTask& task : session.tasks) {
    for (const char* split : {"validation", "test"}) {
      for (const std::string& metric : eval::metric_names(*task.task)) {
        if (eval::higher_is_better(metric)) identity.scores.push_back({task.name, split, metric});
      }
    }
  }
  return {config.metrics, identity};
}

}  // namespace incipit::launcher
