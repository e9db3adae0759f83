#include "telemetry/series.h"

namespace incipit::telemetry {
namespace {

using prometheus::Registry;
using Labels = std::map<std::string, std::string>;
using Buckets = prometheus::Histogram::BucketBoundaries;

// From a tiny model on many cores to a large model on few cores.
const Buckets kStepBuckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                           2.5,   5,    10,    30,   60,  120,  300};
// From a soft prompt on a local disk to a whole model on a slow network file system.
const Buckets kCheckpointBuckets{0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300};

prometheus::Counter& counter(Registry& registry, const std::string& name, const std::string& help,
                             const Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge& gauge(Registry& registry, const std::string& name, const std::string& help,
                         const Labels& labels = {}) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Histogram& histogram(Registry& registry, const std::string& name,
                                 const std::string& help, const Labels& labels,
                                 const Buckets& buckets) {
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  return family.Add(labels, buckets);
}

Labels rank_label(const ExporterIdentity& identity) {
  return {{"rank", std::to_string(identity.rank)}};
}

}  // namespace

RankSeries::RankSeries(Registry& r, const ExporterIdentity& identity)
    : step_seconds(histogram(r, "incipit_step_duration_seconds", "Wall clock of a training step.",
                             rank_label(identity), kStepBuckets)),
      data_wait(counter(r, "incipit_data_wait_seconds_total",
                        "Time training steps spent waiting for their batch.",
                        rank_label(identity))),
      comm(counter(r, "incipit_comm_seconds_total",
                   "Time training steps spent in collectives, including waiting for slower ranks.",
                   rank_label(identity))),
      last_step(gauge(r, "incipit_last_step_timestamp_seconds",
                      "Unix time at which the last training step ended; 0: none yet.",
                      rank_label(identity))),
      last_progress(gauge(r, "incipit_last_progress_timestamp_seconds",
                          "Unix time of the last step, evaluated batch or checkpoint.",
                          rank_label(identity))),
      memory(gauge(r, "incipit_device_memory_bytes",
                   "Memory in use: the process's resident set, or the GPU allocator's.",
                   rank_label(identity))),
      memory_peak(gauge(r, "incipit_device_memory_peak_bytes",
                        "The most memory that was in use since the process began.",
                        rank_label(identity))) {
  gauge(r, "incipit_build_info", "Always 1; the labels describe the program.",
        {{"version", identity.version}, {"libtorch", identity.libtorch}})
      .Set(1);
  gauge(r, "incipit_ranks_expected", "Ranks of the job, equal on all ranks.").Set(identity.ranks);
  if (identity.peak_flops <= 0) return;
  utilization = &gauge(r, "incipit_model_flops_utilization_ratio",
                       "Operations the last step needed, per second, over the rank's peak.",
                       rank_label(identity));
}

JobSeries::JobSeries(Registry& r, const ExporterIdentity& identity)
    : steps(counter(r, "incipit_steps_total", "Optimizer steps done by this process.")),
      tokens(counter(r, "incipit_tokens_total", "Rows computed in training, all ranks.")),
      samples(counter(r, "incipit_samples_total", "Training examples seen, all ranks.")),
      nonfinite(counter(r, "incipit_nonfinite_steps_total",
                        "Steps skipped because loss or gradient was not finite.")),
      loss(gauge(r, "incipit_loss", "Training loss of the last step, nats.")),
      learning_rate(gauge(r, "incipit_learning_rate", "Learning rate of the last step.")),
      grad_norm(gauge(r, "incipit_grad_norm", "Gradient norm before clipping, last step.")),
      checkpoint_seconds(histogram(r, "incipit_checkpoint_duration_seconds",
                                   "Wall clock of writing a checkpoint.", {}, kCheckpointBuckets)),
      checkpoint_failures(counter(r, "incipit_checkpoint_failures_total",
                                  "Checkpoints that could not be written.")),
      last_checkpoint(gauge(r, "incipit_last_checkpoint_timestamp_seconds",
                            "Unix time of the last whole checkpoint; 0: none yet.")),
      steps_since_checkpoint(gauge(r, "incipit_steps_since_checkpoint",
                                   "Steps since the last whole checkpoint or the start.")),
      push_failures(counter(r, "incipit_metrics_push_failures_total",
                            "Pushes of the outcome that the Pushgateway did not accept.")),
      last_success(gauge(r, "incipit_last_success_timestamp_seconds",
                         "Unix time at which the run ended well; 0: it has not.")) {
  gauge(r, "incipit_run_info", "Always 1; the labels describe the run.",
        {{"run", identity.run_name}, {"task", identity.task}, {"method", identity.method}})
      .Set(1);
  gauge(r, "incipit_checkpoint_interval_steps",
        "Steps between checkpoints (train.checkpoint_every); 0: only at the end.")
      .Set(static_cast<double>(identity.checkpoint_interval));
  gauge(r, "incipit_target_steps",
        "Steps that this process does until the end of the run, if it does not stop early.")
      .Set(static_cast<double>(identity.steps_to_do));
  gauge(r, "incipit_restarts", "How often this run was started again.")
      .Set(static_cast<double>(identity.restarts));
  counter(r, "incipit_input_records_skipped_total", "Bad records of input files left out.")
      .Increment(static_cast<double>(identity.skipped_records));
  auto& ratios = prometheus::BuildGauge()
                     .Name("incipit_eval_score_ratio")
                     .Help("Score of the last evaluation of a split, 0 to 1; 0: none yet.")
                     .Register(r);
  for (const auto& [task, split, metric] : identity.scores) {
    scores[{task, split, metric}] =
        &ratios.Add({{"task", task}, {"split", split}, {"metric", metric}});
  }
}

}  // namespace incipit::telemetry
