#include "launcher/commands/plan_rates.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/json_member.h"
#include "families/registry.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/prompt_source.h"
#include "methods/registry.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRowsOfUnboundedExample = 256;  // if task.max_source_tokens is 0
constexpr std::int64_t kAnswerRows = 2;                // of a short verbalizer, twice
constexpr int kUncountedSteps = 2;

struct Steps {
  int count = 0;
  double seconds = 0;
  double waiting = 0;  // seconds waiting for data
  double talking = 0;
  double rows = 0;
  double examples = 0;
};

Steps read_steps(const fs::path& path) {
  Steps steps;
  std::istringstream lines(read_text(path));
  int seen = 0;
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json step = parse_json_or_discard<nlohmann::json>(line);
    if (!step.is_object() || !step.contains("seconds") || ++seen <= kUncountedSteps) continue;
    ++steps.count;
    steps.seconds += member_or(step, "seconds", 0.0);
    steps.waiting += member_or(step, "data_wait_seconds", 0.0);
    steps.talking += member_or(step, "comm_seconds", 0.0);
    steps.rows += member_or(step, "tokens", 0.0);
    steps.examples += member_or(step, "samples", 0.0);
  }
  if (steps.count > 0 && steps.examples > 0) return steps;
  throw DataError(path.string() + ": has no step after the first " +
                  std::to_string(kUncountedSteps) +
                  ", which are not counted; train for more steps");
}

comm::MeshShape read_mesh(const fs::path& path) {
  const nlohmann::json manifest = parse_json_or_discard<nlohmann::json>(read_text(path));
  if (!manifest.is_object() || !manifest.contains("mesh")) {
    throw DataError(path.string() + ": has no mesh; expected a manifest of incipit train");
  }
  const nlohmann::json& mesh = manifest["mesh"];
  return {.data = member_or(mesh, "data", 1),
          .fsdp = member_or(mesh, "fsdp", 1),
          .pipeline = member_or(mesh, "pipeline", 1),
          .tensor = member_or(mesh, "tensor", 1)};
}

std::int64_t prompt_count(const configs::RunConfig& config) {
  return configs::has_several_prompts(config) ? std::ssize(configs::all_tasks(config)) : 1;
}

// Returns the number of different rows of prompts, of which a batch has each once.
std::int64_t root_count(const configs::RunConfig& config) {
  return configs::has_several_adapters(config) ? std::ssize(configs::all_tasks(config)) : 1;
}

}  // namespace

plan::Workload planned_workload(const configs::RunConfig& config, const model::ModelSpec& spec,
                                std::int64_t example_rows) {
  std::int64_t source = 0;  // longest of the tasks
  for (const auto& [name, task] : configs::all_tasks(config)) {
    source = std::max(
        source, task.max_source_tokens > 0 ? task.max_source_tokens : kRowsOfUnboundedExample);
  }
  const std::int64_t most = spec.max_positions - methods::prompt_rows(config.method).rows;
  const std::vector<configs::SweepMember> members = configs::members(config);
  trainer::TrainOptions train = config.train;
  if (!members.empty()) train.batch_size *= std::ssize(members);
  methods::MethodOptions method = members.empty() ? config.method : members.front().method;
  for (const configs::SweepMember& member : members) {  // the longest prompt
    const bool longer = member.method.num_virtual_tokens > method.num_virtual_tokens;
    if (longer) method = member.method;
  }
  return {.method = method,
          .head = config.tasks.empty() ? head_of(config.task) : std::nullopt,
          .train = train,
          .prompts = prompt_count(config),
          .example_rows = example_rows > 0 ? example_rows : std::min(source + kAnswerRows, most),
          .target_rows = kAnswerRows,
          .number_bytes = model::number_bytes(config.model.dtype)};
}

model::ModelSpec planned_shape(const fs::path& model) {
  return families::read_model(model.filename() == "config.json" ? model.parent_path() : model);
}

MeasuredRates rates_of_run(const fs::path& run_dir) {
  const Steps steps = read_steps(run_dir / "metrics.jsonl");
  const comm::MeshShape mesh = read_mesh(run_dir / "manifest.json");
  const configs::RunConfig config = load_config(
      {.config = (run_dir / "config.yaml").string(), .overrides = {}, .task = {}}, check_options);
  const double copies = static_cast<double>(steps.count) * mesh.data * mesh.fsdp;
  const double prompts = std::min(copies * static_cast<double>(root_count(config)), steps.examples);
  const PromptRows prompt = methods::prompt_rows(config.method);
  const double prompt_rows = prompt.resident ? 0 : prompts * static_cast<double>(prompt.rows);
  const model::ModelSpec spec = planned_shape(config.model.path);
  MeasuredRates rates;
  rates.example_rows =
      std::max<std::int64_t>(1, std::llround((steps.rows - prompt_rows) / steps.examples));
  // On a machine with one operation and one byte per second, the planned seconds are the amount of
  // work.
  const plan::MeshPlan work =
      plan::plan_mesh(spec, mesh, planned_workload(config, spec, rates.example_rows),
                      {.flops = 1, .bandwidth_within = 1, .bandwidth_between = 1});
  const double computing = std::max(1e-9, steps.seconds - steps.waiting - steps.talking);
  rates.flops = steps.count * work.compute_seconds / computing;
  double sent = 0;
  bool splits = false;     // whether ranks exchange more than gradients
  bool is_hidden = false;  // whether messages arrive while ranks compute
  for (const comm::Sent& one : work.sent) {
    sent += one.bytes;
    splits = splits || !comm::kBatch.contains(one.over) || one.overlaps;
    is_hidden = is_hidden || one.overlaps;
  }
  // With only the gradient to reduce, communication time is nothing but waiting.
  if (!splits) return rates;
  // Excludes what is not traffic (the pipeline bubble) and adds what is hidden (FSDP layers that
  // arrive while others compute).
  const double bubble = computing * work.bubble / (1 - work.bubble);
  const double hidden = is_hidden ? computing : 0;
  const double sending = steps.talking - bubble + hidden;
  if (sending <= 0) return rates;
  rates.bandwidth = steps.count * sent / sending;
  return rates;
}

}  // namespace incipit::launcher
