#include "launcher/session.h"

#include <ATen/Context.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "comm/agreement.h"
#include "comm/world.h"
#include "core/error.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "eval/answers.h"
#include "families/registry.h"
#include "launcher/distillation.h"
#include "launcher/graphs_choice.h"
#include "launcher/memory_budget.h"
#include "launcher/model_check.h"
#include "launcher/nearest_examples.h"
#include "launcher/same_inputs.h"
#include "launcher/system_info.h"
#include "model/as_stored.h"
#include "model/gpus.h"
#include "model/weight_files.h"
#include "nn/ledger.h"
#include "plan/plan.h"

namespace incipit::launcher {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

at::Device choose_device(const model::ModelOptions& options, const comm::LocalRank& local) {
  if (options.device != model::Device::kCuda) return at::kCPU;
  const int gpus = model::load_gpus();
  if (gpus > 1 && local.rank >= gpus) {
    throw ConfigError("model.device: cuda, but " + std::to_string(local.size) +
                      " ranks were started on this machine, which shows " + std::to_string(gpus) +
                      " GPUs; start one rank per GPU");
  }
  // A launcher may make only one GPU visible to each rank; its index is then 0.
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(gpus == 1 ? 0 : local.rank));
}

// Returns the number of cores that the ranks on this machine may use together. Launchers may have
// bound each rank to its own cores. A quota is assumed to be shared by these ranks. Collective.
int cores_of_machine(comm::Communicator& world, const UsableCores& own) {
  struct Place {
    std::size_t host;
    cpu_set_t cores;
    double quota;  // infinite: no quota
  };
  const Place mine{std::hash<std::string>()(host_name()), own_cores(),
                   own.quota ? own.quota->cores : std::numeric_limits<double>::infinity()};
  Place all = mine;
  for (const Place& other : world.all_gather(mine, "choice of threads")) {
    if (other.host != mine.host) continue;
    CPU_OR(&all.cores, &all.cores, &other.cores);
    all.quota = std::min(all.quota, other.quota);
  }
  return std::max(1, static_cast<int>(std::min<double>(all.quota, CPU_COUNT(&all.cores))));
}

// Collective.
void choose_model(Session& session, const model::ModelSpec& transformer,
                  const comm::MeshShape& shape) {
  model::ModelOptions& options = session.config.model;
  ModelMachine machine = this_machine(options);
  machine.float32_bytes = plan::planned_weight_bytes(transformer, shape, /*number_bytes=*/4);
  machine.memory = memory_of_rank(session.local, model::Device::kCpu);
  session.model_choice = agree(session.world(), options, machine);
  options.dtype = session.model_choice.options.dtype;
}

// Logs the keys of generation_config.json that have no influence on generated text.
void report_unread_keys(const data::Task& task) {
  const data::SpecialTokens& special = task.model().special;
  if (!special.unread_generation_keys.empty()) {
    log::warn("generation_config.json: {} has no influence: the most likely token is taken",
              join(special.unread_generation_keys));
  }
  if (!special.sampling_keys.empty()) {
    log::info(
        "generation_config.json: {} is for sampling, which incipit generate and incipit predict do "
        "with --temperature and --top-p; else the most likely token is taken",
        join(special.sampling_keys));
  }
}

// Loads the tasks and their splits. Tasks of one format share the tokenizer.
void load_data(Session& session, const std::vector<std::int64_t>& prompt_rows,
               const fs::path& model_dir, const model::ModelSpec& transformer,
               data::WhichSplits which) {
  which.train_examples = session.config.train.examples;
  which.labelled = !distils(session.config);
  std::map<data::Format, data::TaskModel> models;
  session.tasks.clear();
  const bool sweeps = !session.config.sweep.empty();
  const std::int64_t most_rows = *std::max_element(prompt_rows.begin(), prompt_rows.end());
  for (const auto& [name, options] : configs::all_tasks(session.config)) {
    if (sweeps && !session.tasks.empty()) {  // the members share task and examples
      session.tasks.push_back(session.tasks.front());
      session.tasks.back().name = name;
      continue;
    }
    if (!models.contains(options.format)) {
      data::TaskModel& model = models[options.format];
      model = data::load_task_model(model_dir, options, limits_of(transformer));
      require_same_text_model(session.world(), model);
    }
    const std::size_t number = session.tasks.size();
    data::LoadedTask& task = session.tasks.emplace_back();
    task.name = name;
    task.prompt_rows = sweeps || prompt_rows.size() == 1 ? most_rows : prompt_rows.at(number);
    task.task = std::make_shared<data::Task>(options, models.at(options.format));
    task.splits = data::load_splits(*task.task, session.config.run.seed, task.prompt_rows, which);
    require_same_data(session.world(), task);
    if (eval::answers_by_generation(*task.task)) report_unread_keys(*task.task);
  }
  session.task = session.tasks.front().task.get();
}

void load_weights(Session& session, const model::WeightFiles& files, const std::string& fingerprint,
                  const model::ModelSpec& transformer) {
  const auto start = std::chrono::steady_clock::now();
  const model::ModelOptions& options = session.model_choice.options;
  session.backbone = std::make_unique<model::Backbone>(model::Backbone::load(
      transformer, files,
      {.dtype = scalar_type(options.dtype), .device = choose_device(options, session.local)},
      model::Placement(*session.mesh)));
  session.backbone_info = {.name = options.path,
                           .weights_fingerprint = session.is_rank_zero() ? fingerprint : "",
                           .hidden_size = transformer.hidden_size,
                           .layers = transformer.layer_count(),
                           .attention_heads = transformer.fewest_heads(),
                           .folder = files.model_dir()};
  session.parameters = files.parameter_count();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  log::info("model {}: {} {} in memory, {}, ranks {} x threads {}, loaded in {}", options.path,
            human_bytes(static_cast<double>(session.backbone->weight_bytes())),
            transformer.model_type, dtype_text(session.model_choice), session.world().size(),
            session.threads, human_seconds(taken.count()));
}

Json describe(const data::Splits& splits) {
  Json described = Json::object();
  const auto add = [&](const char* name, const data::Dataset& split) {
    if (split.empty()) return;
    described[name] = {{"file", split.file()},
                       {"examples", split.size()},
                       {"truncated", split.truncated()},
                       {"skipped", split.skipped()},
                       {"fingerprint", std::to_string(split.fingerprint())}};
  };
  add("train", splits.train);
  if (splits.train.size() < splits.available) described["train"]["drawn_from"] = splits.available;
  add("validation", splits.validation);
  add("test", splits.test);
  return described;
}

// While ranks start, they may read for a long time, each alone, so there is no deadline except that
// of each collective. The ranks that wait in one say so.
std::unique_ptr<comm::Watchdog> watch_start(const comm::Communicator& world) {
  if (world.size() == 1) return nullptr;
  comm::CommContext& context = world.context();
  auto watchdog = std::make_unique<comm::Watchdog>(
      context.activity, comm::WatchdogOptions{.rank = world.rank(),
                                              .size = world.size(),
                                              .deadline = std::chrono::milliseconds(0),
                                              .silent_after = std::clamp<std::chrono::milliseconds>(
                                                  context.timeout / 2, std::chrono::seconds(2),
                                                  std::chrono::seconds(10)),
                                              .absent = context.absent,
                                              .notice_after = std::chrono::seconds(10)});
  context.diagnosis = [seen = watchdog.get()] { return seen->describe_others(); };
  return watchdog;
}

fs::path heartbeat_folder(const Session& session) {
  return fs::path(session.config.run.output_dir) / "heartbeats";
}

}  // namespace

Session open_session(const configs::RunConfig& config, std::int64_t prompt_rows,
                     const data::WhichSplits& which) {
  return open_session(config, std::vector<std::int64_t>(1, prompt_rows), which);
}

Session open_session(const configs::RunConfig& config, const std::vector<std::int64_t>& prompt_rows,
                     const data::WhichSplits& which, const SessionCheck& check) {
  nn::start_ledger();
  Session session;
  session.config = config;
  session.context = std::make_shared<comm::CommContext>();
  auto world = comm::make_world(config.parallel, session.context);
  session.watchdog = watch_start(*world);
  log::configure(config.log.level, world->rank(), world->size());
  const fs::path model_dir = model::resolve_model_dir(config.model.path);
  const model::ModelSpec described = families::read_model(model_dir);
  const comm::MeshShape shape =
      comm::resolve_mesh(config.parallel, world->size(),
                         {.tensor = static_cast<int>(described.fewest_heads()),
                          .pipeline = static_cast<int>(described.layer_count())});
  session.mesh = std::make_unique<comm::Mesh>(std::move(world), shape);
  session.local = session.world().local_rank("local rank");
  choose_model(session, described, shape);
  check_graphs(session);
  require_memory(session.world(), session.local, described, shape, session.model_choice.options);
  const UsableCores cores = usable_cores();
  session.threads =
      set_threads(cores, cores_of_machine(session.world(), cores), session.local.size);
  if (config.run.deterministic) {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  }

  require_same_build(session.world());
  comm::require_same(session.world(), "configuration", configs::resolved_yaml(session.config));
  const model::WeightFiles weights(model_dir);
  const model::ModelSpec transformer = model::as_stored(described, weights);
  session.headers_sha256 = weights.header_fingerprint();
  const std::string fingerprint = require_same_model(session.world(), config.model, weights);
  load_data(session, prompt_rows, model_dir, transformer, which);
  if (check) check(config, transformer, session.tasks);
  load_weights(session, weights, fingerprint, transformer);
  choose_graphs(session);
  show_nearest_examples(session);
  if (session.watchdog) session.watchdog->end_start();
  return session;
}

void change_task(Session& session, const data::TaskOptions& task, const data::WhichSplits& which) {
  session.config.task = task;
  const std::int64_t prompt_rows = session.tasks.front().prompt_rows;
  const fs::path model_dir = model::resolve_model_dir(session.config.model.path);
  load_data(session, {prompt_rows}, model_dir, families::read_model(model_dir), which);
  show_nearest_examples(session);
}

const data::Dataset& scored_split(const Session& session, const data::LoadedTask& task,
                                  const std::string& name) {
  const data::Splits& splits = task.splits;
  const data::Dataset& split =
      name == "train" ? splits.train : (name == "validation" ? splits.validation : splits.test);
  if (split.empty()) {
    throw ConfigError((session.mixes() ? "tasks." + task.name : "task") + "." + name +
                      ": the task has no " + name + " split to score");
  }
  return split;
}

void watch_progress(Session& session) {
  if (!session.watchdog) return;
  session.watchdog->begin_work(heartbeat_folder(session), 2 * session.context->timeout);
}

void stop_watchdog(Session& session) {
  if (!session.watchdog) return;
  session.world().barrier("end of the run");
  session.context->diagnosis = nullptr;
  session.watchdog = nullptr;
  session.world().barrier("end of the run");
  std::error_code ignored;  // leftover files are harmless
  if (session.is_rank_zero()) fs::remove_all(heartbeat_folder(session), ignored);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string manifest(const Session& session, const std::string& command,
                     std::int64_t resumed_at_step) {
  Json splits = Json::object();
  for (const data::LoadedTask& task : session.tasks) {
    (session.mixes() ? splits[task.name] : splits) = describe(task.splits);
  }
  const comm::MeshShape& shape = session.mesh->shape();
  Json text{{"incipit", incipit_version()},
            {"libtorch", libtorch_version()},
            {"command", command},
            {"started", utc_now()},
            {"finished", nullptr},
            {"host", host_name()},
            {"processor", processor_name()},
            {"processor_capability", processor_capability()},
            {"ranks", session.world().size()},
            {"mesh",
             {{"data", shape.data},
              {"fsdp", shape.fsdp},
              {"pipeline", shape.pipeline},
              {"tensor", shape.tensor}}},
            {"backend", std::string(session.world().backend())},
            {"threads_per_rank", session.threads},
            {"device", session.backbone->device().str()},
            {"seed", session.config.run.seed},
            {"model",
             {{"path", session.config.model.path},
              {"dtype", model::dtype_name(session.config.model.dtype)},
              {"parameters", session.parameters},
              {"headers_sha256", session.headers_sha256},
              {"weights_fingerprint", session.backbone_info.weights_fingerprint}}},
            {"tokenizer_sha256", session.task->tokenizer().fingerprint()},
            {"splits", splits}};
  if (resumed_at_step > 0) text["resumed_at_step"] = resumed_at_step;
  return dump_json(text, 2) + "\n";
}

}  // namespace incipit::launcher
