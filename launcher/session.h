// The composition root: builds everything that training and evaluation need from a configuration,
// in the order that finds mistakes early.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "comm/mesh.h"
#include "comm/watchdog.h"
#include "configs/run_config.h"
#include "data/dataset.h"
#include "data/loaded_task.h"
#include "launcher/model_choice.h"
#include "methods/backbone_info.h"
#include "model/backbone.h"

namespace incipit::launcher {

struct Session {
  configs::RunConfig config;  // with the chosen dtype
  ModelChoice model_choice;
  std::shared_ptr<comm::CommContext> context;
  std::unique_ptr<comm::Watchdog> watchdog;  // with several ranks
  std::unique_ptr<comm::Mesh> mesh;
  comm::LocalRank local;
  int threads = 1;
  std::vector<data::LoadedTask> tasks;  // at least one
  data::Task* task = nullptr;           // the first, for code that handles a single task
  std::unique_ptr<model::Backbone> backbone;
  methods::BackboneInfo backbone_info;  // the weights' fingerprint on rank 0 only
  std::string headers_sha256;           // of the weight files
  std::int64_t parameters = 0;          // of the whole model

  [[nodiscard]] comm::Communicator& world() const { return mesh->world(); }
  [[nodiscard]] bool is_rank_zero() const { return world().rank() == 0; }
  [[nodiscard]] bool mixes() const { return tasks.size() > 1; }
  [[nodiscard]] const data::Splits& splits() const { return tasks.front().splits; }
};

// Throws ConfigError if a command cannot work with this model and these tasks.
using SessionCheck =
    std::function<void(const configs::RunConfig& config, const model::ModelSpec& spec,
                       std::span<const data::LoadedTask> tasks)>;

// Opens a session: creates the communicators, checks that all ranks have the same configuration,
// build, model, tokenizer and data, checks that the model fits in memory, reads the splits, runs
// `check`, and reads the weights. `prompt_rows`: soft prompt rows per task, counted when sequences
// are checked against the model's positions; a single number applies to every task. Collective.
[[nodiscard]] Session open_session(const configs::RunConfig& config,
                                   const std::vector<std::int64_t>& prompt_rows,
                                   const data::WhichSplits& which, const SessionCheck& check = {});
[[nodiscard]] Session open_session(const configs::RunConfig& config, std::int64_t prompt_rows,
                                   const data::WhichSplits& which);

// Replaces the task of a session with one task, and of its configuration, on the same model and
// with the same seed. Collective; throws as open_session() does.
void change_task(Session& session, const data::TaskOptions& task, const data::WhichSplits& which);

// Returns the split of a task with this name: "train", "validation" or "test". Throws ConfigError
// when it is empty.
[[nodiscard]] const data::Dataset& scored_split(const Session& session,
                                                const data::LoadedTask& task,
                                                const std::string& name);

// From here on a rank that makes no progress ends the job, if there are several ranks. Heartbeat
// files go below the run directory, which must exist. Collective.
void watch_progress(Session& session);
// Stops the watchdog and removes the heartbeat files. Collective.
void stop_watchdog(Session& session);

// Returns the JSON of manifest.json: what the results of a run depend on. `resumed_at_step`: the
// step of the checkpoint that the run resumed from, if any.
[[nodiscard]] std::string manifest(const Session& session, const std::string& command,
                                   std::int64_t resumed_at_step = 0);

// "2026-01-31T12:00:00Z"
[[nodiscard]] std::string utc_now();

}  // namespace incipit::launcher
