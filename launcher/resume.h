// Decides whether a training run is new or resumes an interrupted one.
#pragma once

#include <filesystem>
#include <optional>

#include "configs/run_config.h"
#include "launcher/session.h"
#include "trainer/checkpoint.h"

namespace incipit::launcher {

struct RunPlan {
  enum class Kind {
    kNew,        // an earlier run in the directory is moved aside
    kStartOver,  // the same configuration died before its first checkpoint
    kResume,
  };
  Kind kind = Kind::kNew;
  std::optional<trainer::Checkpoint> checkpoint{};  // kResume: the checkpoint to continue from
  model::Dtype dtype = model::Dtype::kAuto;         // kResume: that of the run, even for `auto`
};

// Decides what `incipit train` does with its run directory (docs/checkpoints.md). An unfinished run
// of the same configuration resumes from its newest complete checkpoint. So does a finished run
// whose train.steps changed. With `fresh`, every run is new. Call on rank 0, before any model is
// read. Throws ConfigError, naming the keys, when an unfinished run with checkpoints has another
// configuration.
[[nodiscard]] RunPlan plan_run(const configs::RunConfig& config, bool fresh);

// Returns the facts to store in the session's checkpoints. Only rank 0 knows the weights.
[[nodiscard]] trainer::RunFacts run_facts(const Session& session);

// Throws ConfigError when the checkpoint has other weights, tokenizer or data. Warns when it was
// made in other circumstances.
void check_facts(const trainer::Checkpoint& checkpoint, const trainer::RunFacts& now);

// Creates the run directory, or prepares it for resuming, and writes the run's description to it.
// Call on rank 0.
void prepare_run_dir(const Session& session, const RunPlan& plan);

}  // namespace incipit::launcher
