// Whether a training run is new or goes on with one that was interrupted.
#pragma once

#include <filesystem>
#include <optional>

#include "configs/run_config.h"
#include "launcher/session.h"
#include "trainer/checkpoint.h"

namespace incipit::launcher {

struct RunPlan {
  enum class Kind {
    kNew,        // an earlier run that stands in the directory is moved aside
    kStartOver,  // one of the same configuration that died before its first checkpoint
    kResume,
  };
  Kind kind = Kind::kNew;
  std::optional<trainer::Checkpoint> checkpoint{};  // kResume: where the run continues
  configs::Dtype dtype = configs::Dtype::kAuto;     // kResume: that of the run, whatever was `auto`
};

// What `incipit train` does with its run directory, as docs/checkpoints.md has it: an unfinished
// run of the same configuration goes on from its newest whole checkpoint, and so does a
// finished one that now has more steps. With `fresh` every run is new. Rank 0 calls it, before
// any model is read. Throws ConfigError, naming the keys, when an unfinished run has another
// configuration.
[[nodiscard]] RunPlan plan_run(const configs::RunConfig& config, bool fresh);

// What checkpoints of the session say of it. The weights are known on rank 0 alone.
[[nodiscard]] trainer::RunFacts run_facts(const Session& session);

// Throws ConfigError when the checkpoint is of other weights, tokenizer or data; warns when it
// was made in other circumstances.
void check_facts(const trainer::Checkpoint& checkpoint, const trainer::RunFacts& now);

// Makes the run directory, or makes it fit to go on, and describes the run in it. Rank 0.
void prepare_run_dir(const Session& session, const RunPlan& plan);

}  // namespace incipit::launcher
