#include "launcher/resume.h"

#include <cmath>
#include <span>
#include <vector>

#include "configs/differences.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/scalars.h"
#include "core/sha256.h"
#include "core/text.h"
#include "launcher/run_dir.h"
#include "launcher/run_lock.h"
#include "launcher/system_info.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;
using configs::RunConfig;
using Kind = RunPlan::Kind;

// Returns the configuration with every key that may change on resuming set to its default: keys
// that change results by rounding at most, and those for how much is saved and logged.
RunConfig comparable(RunConfig config) {
  const RunConfig standard;
  config.run.name = config.run.output_dir = "";
  config.model.device = standard.model.device;
  config.model.cuda_graphs = standard.model.cuda_graphs;
  config.model.check_weights = standard.model.check_weights;
  config.parallel = standard.parallel;
  config.metrics = standard.metrics;
  config.log = standard.log;
  config.order = standard.order;
  config.eval.batch_tokens = standard.eval.batch_tokens;
  config.train.steps = standard.train.steps;
  config.train.epochs = standard.train.epochs;
  config.train.micro_batch_tokens = standard.train.micro_batch_tokens;
  config.train.micro_batches = standard.train.micro_batches;
  config.train.recompute = standard.train.recompute;
  config.train.checkpoint_every = standard.train.checkpoint_every;
  config.train.keep_checkpoints = standard.train.keep_checkpoints;
  config.train.max_checkpoint_failures = standard.train.max_checkpoint_failures;
  config.train.max_nonfinite_steps = standard.train.max_nonfinite_steps;
  config.train.checksum_every = standard.train.checksum_every;
  return config;
}

std::string configuration_hash(const RunConfig& config) {
  const std::string text = configs::resolved_yaml(comparable(config));
  return sha256_hex(std::as_bytes(std::span(text)));
}

// Returns the steps of `now`. With train.epochs they depend on the examples, which are not read
// yet: the earlier run, whose examples are the same, says how many an epoch takes.
std::int64_t steps_of(const RunConfig& now, const RunConfig& before) {
  if (now.train.epochs == 0 || before.train.epochs == 0) return now.train.steps;
  return static_cast<std::int64_t>(
      std::ceil(static_cast<double>(before.train.steps) * now.train.epochs / before.train.epochs));
}

std::vector<configs::Difference> conflicts(const RunConfig& before, const RunConfig& now) {
  auto found = configs::differences(comparable(before), comparable(now));
  if ((now.train.epochs > 0) != (before.train.epochs > 0)) {
    found.push_back({"train.epochs (or train.steps)", number_text(before.train.epochs),
                     number_text(now.train.epochs)});
    return found;
  }
  if (now.train.steps < before.train.steps) {
    found.push_back({"train.steps (may grow only)", std::to_string(before.train.steps),
                     std::to_string(now.train.steps)});
  }
  return found;
}

constexpr const char* kFreshHint = "give --fresh to move it aside and start over";

RunConfig configuration_of(const fs::path& dir) {
  const fs::path file = dir / "config.yaml";
  try {
    return configs::parse_run_config(read_text(file), file.string());
  } catch (const ConfigError& error) {
    throw ConfigError(dir.string() + ": contains an unfinished run whose configuration cannot be " +
                      "read; " + kFreshHint + ":\n" + error.what());
  }
}

void require_no_conflict(const fs::path& dir, const std::vector<configs::Difference>& conflicts) {
  if (conflicts.empty()) return;
  const auto shown = [](const std::string& value) { return value.empty() ? "not set" : value; };
  std::string message = dir.string() + ": contains an unfinished run with another configuration:";
  for (const configs::Difference& each : conflicts) {
    message +=
        "\n  " + each.key + ": " + shown(each.before) + " before, " + shown(each.now) + " now";
  }
  throw ConfigError(message + "\nset them back to continue with that run, or " + kFreshHint);
}

void add_split(trainer::Facts& facts, const std::string& name, const data::Dataset& split) {
  facts["data of the split " + name] = std::to_string(split.size()) + " examples, fingerprint " +
                                       std::to_string(split.fingerprint());
}

// Returns the names whose values differ, with both values.
std::vector<std::string> changes(const trainer::Facts& before, const trainer::Facts& now) {
  std::vector<std::string> changed;
  for (const auto& [name, value] : now) {
    const auto found = before.find(name);
    const std::string old = found == before.end() ? "unknown" : found->second;
    if (old != value) changed.push_back(name + ": " + old + " before, " + value + " now");
  }
  return changed;
}

}  // namespace

RunPlan plan_run(const RunConfig& asked, bool fresh) {
  RunConfig config = asked;
  const fs::path dir(config.run.output_dir);
  const RunStage stage = run_stage(dir);
  if (fresh || stage == RunStage::kNone) return {};
  const bool any = trainer::has_checkpoints(dir);
  if (stage == RunStage::kFinished && !any) return {};
  const RunConfig before = configuration_of(dir);
  if (config.model.dtype == model::Dtype::kAuto) config.model.dtype = before.model.dtype;
  config.train.steps = steps_of(config, before);
  const auto found = conflicts(before, config);
  if (stage == RunStage::kFinished &&
      (!found.empty() || config.train.steps == before.train.steps)) {
    return {};
  }
  if (!any) return {.kind = found.empty() ? Kind::kStartOver : Kind::kNew};
  require_no_conflict(dir, found);
  auto checkpoint = trainer::newest_checkpoint(dir);
  if (!checkpoint) {
    log::warn("{}: no checkpoint is complete and undamaged; the run starts over", dir.string());
    return {};
  }
  log::info("resuming from {}, step {} of {}", checkpoint->folder.string(), checkpoint->state.step,
            config.train.steps);
  return {.kind = Kind::kResume, .checkpoint = std::move(checkpoint), .dtype = before.model.dtype};
}

trainer::RunFacts run_facts(const Session& session) {
  const comm::MeshShape& mesh = session.mesh->shape();
  const trainer::TrainOptions& train = session.config.train;
  trainer::RunFacts facts;
  facts.identity = {{"configuration", configuration_hash(session.config)},
                    {"model weights", session.backbone_info.weights_fingerprint},
                    {"tokenizer", session.task->tokenizer().fingerprint()}};
  for (const data::LoadedTask& task : session.tasks) {
    const std::string of = session.mixes() ? " of " + task.name : "";
    add_split(facts.identity, "train" + of, task.splits.train);
    add_split(facts.identity, "validation" + of, task.splits.validation);
    if (!task.task->options().prompt_file.empty()) {
      facts.identity["hard prompt" + of] = task.task->prefix_fingerprint();
    }
  }
  facts.circumstances = {
      {"build", "incipit " + incipit_version() + ", libtorch " + libtorch_version()},
      {"processor", processor_name() + ", " + processor_capability()},
      {"device", session.backbone->device().str()},
      {"ranks", std::to_string(session.world().size())},
      {"mesh", "data " + std::to_string(mesh.data) + " x fsdp " + std::to_string(mesh.fsdp) +
                   " x pipeline " + std::to_string(mesh.pipeline) + " x tensor " +
                   std::to_string(mesh.tensor)},
      {"threads per rank", std::to_string(session.threads)},
      {"train.micro_batch_tokens", std::to_string(train.micro_batch_tokens)},
      {"train.micro_batches", std::to_string(train.micro_batches)},
      {"eval.batch_tokens", std::to_string(session.config.eval.batch_tokens)}};
  return facts;
}

void check_facts(const trainer::Checkpoint& checkpoint, const trainer::RunFacts& now) {
  const auto other = changes(checkpoint.facts.identity, now.identity);
  if (!other.empty()) {
    throw ConfigError(checkpoint.folder.string() + ": the interrupted run had other inputs:\n  " +
                      join(other, "\n  ") + "\nrestore them to resume it, or " + kFreshHint);
  }
  const auto around = changes(checkpoint.facts.circumstances, now.circumstances);
  if (around.empty()) return;
  log::warn("changed since the run was interrupted, so results differ by rounding: {}",
            join(around, "; "));
}

void prepare_run_dir(const Session& session, const RunPlan& plan) {
  const fs::path dir(session.config.run.output_dir);
  lock_run_dir(dir, LockFile::kExisting);
  switch (plan.kind) {
    case Kind::kNew:
      make_run_dir(dir);
      break;
    case Kind::kStartOver:
      log::info("{}: an earlier run stopped before its first checkpoint; starting over",
                dir.string());
      [[fallthrough]];
    case Kind::kResume:
      remove_unfinished_files(dir);
      break;
  }
  lock_run_dir(dir, LockFile::kCreate);
  const std::int64_t resumed_at = plan.checkpoint ? plan.checkpoint->state.step : 0;
  describe_run(dir, configs::resolved_yaml(session.config), manifest(session, "train", resumed_at));
}

}  // namespace incipit::launcher
