// The composition root: everything that training and evaluation work with, made from a
// configuration in the one order that finds mistakes early.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "comm/mesh.h"
#include "comm/watchdog.h"
#include "configs/run_config.h"
#include "data/dataset.h"
#include "data/task.h"
#include "launcher/model_choice.h"
#include "model/backbone.h"
#include "prompt/adapter_files.h"

namespace incipit::launcher {

// A task of the session, under its name in `tasks:`.
struct SessionTask {
  std::string name;
  std::int64_t prompt_rows = 0;
  std::unique_ptr<data::Task> task;
  data::Splits splits;
};

struct Session {
  configs::RunConfig config;  // with the dtype that was chosen
  ModelChoice model_choice;
  std::shared_ptr<comm::CommContext> context;
  std::unique_ptr<comm::Watchdog> watchdog;  // with several ranks, once it was started
  std::unique_ptr<comm::Mesh> mesh;
  comm::LocalRank local;
  int threads = 1;
  std::vector<SessionTask> tasks;  // one at least
  data::Task* task = nullptr;      // the first, for what knows one alone
  std::unique_ptr<model::Backbone> backbone;
  prompt::BackboneInfo backbone_info;  // the weights' fingerprint on rank 0 only
  std::string headers_sha256;          // of the weights' files
  std::int64_t parameters = 0;         // of the whole model

  [[nodiscard]] comm::Communicator& world() const { return mesh->world(); }
  [[nodiscard]] bool is_rank_zero() const { return world().rank() == 0; }
  [[nodiscard]] bool mixes() const { return tasks.size() > 1; }
  [[nodiscard]] const data::Splits& splits() const { return tasks.front().splits; }
};

// Makes the world of ranks, checks that all of them were given the same configuration,
// build, model, tokenizer and data and that the model has room, reads the splits, and then the
// weights. `prompt_rows` are counted when sequences are checked against the model's positions, by
// task; one number is that of every task. Collective.
[[nodiscard]] Session open_session(const configs::RunConfig& config,
                                   const std::vector<std::int64_t>& prompt_rows,
                                   const data::WhichSplits& which);
[[nodiscard]] Session open_session(const configs::RunConfig& config, std::int64_t prompt_rows,
                                   const data::WhichSplits& which);

// Gives the session of one task, and its configuration, another task on the same model and with the
// same seed. Collective; throws as open_session() does.
void change_task(Session& session, const data::TaskOptions& task, const data::WhichSplits& which);

// From now on, with several ranks, a rank that stands still is named and ends the job.
// Heartbeat files go below the run directory, which exists. Collective.
void start_watchdog(Session& session);
// Ends it and takes the heartbeat files away. Collective.
void stop_watchdog(Session& session);

// The JSON of manifest.json: what the numbers of a run depend on. A run that goes on from a
// checkpoint says at which step.
[[nodiscard]] std::string manifest(const Session& session, const std::string& command,
                                   std::int64_t resumed_at_step = 0);

// "2026-01-31T12:00:00Z"
[[nodiscard]] std::string utc_now();

}  // namespace incipit::launcher
