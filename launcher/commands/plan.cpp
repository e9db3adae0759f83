#include "launcher/commands/plan.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/commands/plan_rates.h"
#include "launcher/memory_budget.h"
#include "launcher/model_choice.h"
#include "launcher/system_info.h"
#include "methods/registry.h"
#include "model/spec.h"
#include "nn/flops.h"
#include "plan/plan.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kGiB = 1024.0 * 1024 * 1024;
constexpr std::size_t kShownMeshes = 12;

struct PlanArguments {
  ConfigArguments config;
  std::string model;
  std::vector<int> ranks;
  std::int64_t tokens = 0;
  std::optional<double> memory_gib;
  std::optional<double> tflops;
  std::vector<double> bandwidth;  // within a machine and between machines, or empty
  std::optional<std::int64_t> ranks_per_machine;
  std::string rates_of;
  bool json = false;

  [[nodiscard]] bool has_rates() const {
    return memory_gib || tflops || !bandwidth.empty() || ranks_per_machine || !rates_of.empty();
  }
};

// What a rank is planned to be.
struct Rates {
  double memory_gib = 80;
  double tflops = 400;
  std::array<double, 2> bandwidth{400, 50};  // GB/s within a machine and between machines
  int ranks_per_machine = 8;
  std::string source;  // of the numbers, for the assumptions

  [[nodiscard]] plan::Machine machine() const {
    return {.memory_bytes = memory_gib * kGiB,
            .flops = tflops * 1e12,
            .bandwidth_within = bandwidth[0] * 1e9,
            .bandwidth_between = bandwidth[1] * 1e9,
            .ranks_per_machine = ranks_per_machine};
  }
};

// Returns the rates of a rank that has this machine, which has no GPU.
Rates rates_of_this_machine(model::Dtype dtype) {
  constexpr double kTenGigabit = 1.25;
  return {.memory_gib = memory_of_rank({}, model::Device::kCpu) / kGiB,
          .tflops = nn::measured_peak_flops(scalar_type(dtype), at::kCPU) / 1e12,
          .bandwidth = {kTenGigabit, kTenGigabit},
          .ranks_per_machine = 1,
          .source = ": this machine, as measured in large matmuls (no GPU is visible)"};
}

// Returns the given rates, those of the run with which to compare, or the defaults of a GPU. A
// run's example rows replace `tokens` unless it is set.
Rates given_rates(const PlanArguments& arguments, std::int64_t& tokens) {
  Rates rates;
  if (arguments.memory_gib) rates.memory_gib = *arguments.memory_gib;
  if (arguments.tflops) rates.tflops = *arguments.tflops;
  if (!arguments.bandwidth.empty()) {
    rates.bandwidth = {arguments.bandwidth[0], arguments.bandwidth[1]};
  }
  if (arguments.ranks_per_machine)
    rates.ranks_per_machine = static_cast<int>(*arguments.ranks_per_machine);
  if (arguments.rates_of.empty()) return rates;
  const MeasuredRates measured = rates_of_run(arguments.rates_of);
  rates.source = " in " + arguments.rates_of;
  rates.tflops = measured.flops / 1e12;
  if (tokens == 0) tokens = measured.example_rows;
  if (!measured.bandwidth) return rates;
  rates.bandwidth[0] = *measured.bandwidth / 1e9;
  rates.bandwidth[1] = std::min(rates.bandwidth[1], rates.bandwidth[0]);
  return rates;
}

// Returns the configuration's mesh. An open number of copies becomes one.
comm::MeshShape mesh_of(const comm::MeshOptions& options, const model::ModelSpec& shape) {
  const int ranks =
      std::max(options.data, 1) * std::max(options.fsdp, 1) * options.pipeline * options.tensor;
  return comm::resolve_mesh(options, ranks,
                            {.tensor = static_cast<int>(shape.fewest_heads()),
                             .pipeline = static_cast<int>(shape.layer_count())});
}

std::string mesh_text(const comm::MeshShape& shape) {
  std::vector<std::string> parts;
  const auto add = [&](const char* name, int size) {
    if (size > 1) parts.push_back(std::string(name) + " " + std::to_string(size));
  };
  add("data", shape.data);
  add("fsdp", shape.fsdp);
  add("pipeline", shape.pipeline);
  add("tensor", shape.tensor);
  return parts.empty() ? "one rank" : join(parts, " x ");
}

std::string reason_for(const plan::MeshPlan* best, const std::vector<plan::MeshPlan>& plans) {
  if (best == nullptr) {
    const auto least =
        std::min_element(plans.begin(), plans.end(),
                         [](const auto& a, const auto& b) { return a.bytes.all < b.bytes.all; });
    return "no mesh fits; the smallest, " + mesh_text(least->shape) + ", needs " +
           human_bytes(least->bytes.all) + " on a rank: give more ranks or smaller micro-batches";
  }
  std::string reason = "least milliseconds x ranks a step";
  const plan::MeshPlan* next = nullptr;
  std::size_t too_large = 0;
  for (const plan::MeshPlan& plan : plans) {
    if (!plan.fits) ++too_large;
    if (&plan == best || !plan.fits) continue;
    if (next == nullptr || plan.cost() < next->cost()) next = &plan;
  }
  reason += " (" + telemetry::fixed(1000 * best->cost(), 1) + ")";
  if (next != nullptr) {
    reason +=
        "; next is " + mesh_text(next->shape) + " with " + telemetry::fixed(1000 * next->cost(), 1);
  }
  if (too_large > 0) reason += "; " + std::to_string(too_large) + " do not fit";
  return reason;
}

// A mesh's plan, and the largest batch where it is known.
struct Row {
  plan::MeshPlan plan;
  std::optional<std::int64_t> largest_batch{};
};

// Returns {"tensor": {"embedding": bytes, ...}, ...}.
Json sent_bytes(const std::vector<comm::Sent>& sent) {
  Json all = Json::object();
  for (const comm::Sent& one : sent) all[one.over.name()][one.purpose] = std::llround(one.bytes);
  return all;
}

Json description(const Row& row) {
  const auto bytes = [](double value) { return std::llround(value); };
  const plan::MeshPlan& plan = row.plan;
  const plan::RankBytes& held = plan.bytes;
  return {{"mesh",
           {{"data", plan.shape.data},
            {"fsdp", plan.shape.fsdp},
            {"pipeline", plan.shape.pipeline},
            {"tensor", plan.shape.tensor}}},
          {"name", mesh_text(plan.shape)},
          {"ranks", plan.shape.product()},
          {"fits", plan.fits},
          {"bytes",
           {{"weights", bytes(held.weights)},
            {"activations", bytes(held.activations)},
            {"optimizer", bytes(held.optimizer)},
            {"buffers", bytes(held.buffers)},
            {"all", bytes(held.all)}}},
          {"sent_bytes", sent_bytes(plan.sent)},
          {"micro_batches", std::ceil(plan.micro_batches)},
          {"compute_seconds", plan.compute_seconds},
          {"communication_seconds", plan.communication_seconds},
          {"bubble", plan.bubble},
          {"step_seconds", plan.step_seconds},
          {"largest_batch", row.largest_batch ? Json(*row.largest_batch) : Json(nullptr)}};
}

// Returns the plans in the order in which they are shown, with the largest batches of the first.
std::vector<Row> in_order(const std::vector<plan::MeshPlan>& plans, const model::ModelSpec& spec,
                          const plan::Workload& workload, const plan::Machine& machine) {
  std::vector<Row> rows;
  for (const plan::MeshPlan& plan : plans) rows.push_back({plan});
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.plan.fits != b.plan.fits ? a.plan.fits : a.plan.cost() < b.plan.cost();
  });
  for (std::size_t i = 0; i < std::min(rows.size(), kShownMeshes); ++i) {
    rows[i].largest_batch =
        plan::largest_batch(spec, rows[i].plan.shape, workload, machine.memory_bytes);
  }
  return rows;
}

std::string short_number(double number) { return telemetry::fixed(number, number < 10 ? 3 : 0); }

// Returns what a step of the run needs and the plan leaves out; "" if nothing.
std::string not_counted(const plan::Workload& workload) {
  return workload.train.loss == trainer::Loss::kDistillation
             ? "the teacher of train.loss: distillation: its pass, its prompt, its hidden states"
             : "";
}

void print_assumptions(const telemetry::Style& style, const Rates& rates, model::Dtype dtype,
                       const plan::Workload& w) {
  const int rows = methods::prompt_rows(w.method).rows;
  const std::string after =
      rows == 0 ? ""
                : " after " +
                      (w.prompts == 1 ? "a prompt"
                                      : "one of " + telemetry::grouped(w.prompts) + " prompts") +
                      " of " + telemetry::grouped(rows);
  telemetry::Facts facts{
      {"a step", telemetry::grouped(w.train.batch_size) + " examples of " +
                     telemetry::grouped(w.example_rows) + " rows" + after + "; at most " +
                     telemetry::grouped(w.train.micro_batch_tokens) + " rows at once on a rank"},
      {"numbers",
       std::to_string(w.number_bytes) + " bytes each" +
           (dtype == model::Dtype::kAuto ? " (model.dtype: auto is bfloat16 on a GPU)" : "")},
      {"a rank", telemetry::fixed(rates.memory_gib, 0) + " GiB, " + short_number(rates.tflops) +
                     " TFLOP/s reached" + rates.source},
      {"sends", short_number(rates.bandwidth[0]) + " GB/s among " +
                    std::to_string(rates.ranks_per_machine) + " ranks of a machine, " +
                    short_number(rates.bandwidth[1]) + " GB/s between machines"}};
  if (const std::string left = not_counted(w); !left.empty()) {
    facts.emplace_back("not counted", left);
  }
  telemetry::print_facts(std::cout, style, facts);
}

void print_one(const telemetry::Style& style, const plan::MeshPlan& plan) {
  const plan::RankBytes& held = plan.bytes;
  telemetry::Table table({"", "of the fullest rank"});
  const auto add = [&](const char* name, double bytes) {
    if (bytes > 0) table.add({name, human_bytes(bytes)});
  };
  add("weights", held.weights);
  add("activations", held.activations);
  add("optimizer", held.optimizer);
  add("messages", held.buffers);
  add("all", held.all);
  for (const comm::Sent& sent : plan.sent) {
    add(("sent over " + sent.over.name() + ": " + sent.purpose).c_str(), sent.bytes);
  }
  table.print(std::cout, style);
}

void print_meshes(const telemetry::Style& style, const std::vector<Row>& rows) {
  telemetry::Table table(
      {"mesh", "weights", "all", "fits", "step ms", "sending", "bubble", "largest batch"});
  for (std::size_t i = 0; i < std::min(rows.size(), kShownMeshes); ++i) {
    const plan::MeshPlan& plan = rows[i].plan;
    table.add({mesh_text(plan.shape), human_bytes(plan.bytes.weights), human_bytes(plan.bytes.all),
               plan.fits ? "yes" : "no", telemetry::fixed(1000 * plan.step_seconds, 1),
               telemetry::fixed(100 * plan.communication_seconds / plan.step_seconds, 0) + " %",
               telemetry::fixed(100 * plan.bubble, 0) + " %",
               telemetry::grouped(rows[i].largest_batch.value_or(0))});
  }
  table.print(std::cout, style);
  if (rows.size() > kShownMeshes) {
    std::cout << rows.size() - kShownMeshes << " more with --json\n";
  }
}

void run_plan(PlanArguments arguments) {
  configs::RunConfig config = load_config(arguments.config, check_options);
  const model::ModelSpec shape =
      planned_shape(arguments.model.empty() ? config.model.path : arguments.model);
  const bool measures = !arguments.has_rates() && gpu_memory().empty();
  if (measures) config.model = choose_model(config.model, this_machine(config.model)).options;
  const Rates rates = measures ? rates_of_this_machine(config.model.dtype)
                               : given_rates(arguments, arguments.tokens);
  const plan::Workload workload = planned_workload(config, shape, arguments.tokens);
  const plan::Machine machine = rates.machine();
  at::set_num_threads(1);  // a rank's threads have buffers of their own
  std::vector<comm::MeshShape> meshes;
  for (const int ranks : arguments.ranks) {
    const auto possible = plan::possible_meshes(shape, ranks);
    meshes.insert(meshes.end(), possible.begin(), possible.end());
  }
  if (meshes.empty()) meshes.push_back(mesh_of(config.parallel, shape));
  std::vector<plan::MeshPlan> plans;
  for (const comm::MeshShape& mesh : meshes) {
    plans.push_back(plan::plan_mesh(shape, mesh, workload, machine));
  }
  const plan::MeshPlan* best = plan::cheapest(plans);
  const std::string reason = reason_for(best, plans);
  const std::vector<Row> rows = in_order(plans, shape, workload, machine);
  if (arguments.json) {
    Json list = Json::array();
    for (const Row& row : rows) list.push_back(description(row));
    Json answer{{"example_rows", workload.example_rows},
                {"rates",
                 {{"flops", machine.flops},
                  {"bandwidth_within", machine.bandwidth_within},
                  {"bandwidth_between", machine.bandwidth_between}}},
                {"not_counted", not_counted(workload)},
                {"cheapest", best ? description(rows.front()) : Json(nullptr)},
                {"reason", reason},
                {"meshes", list}};
    std::cout << dump_json(answer, 2) << '\n';
    return;
  }
  const telemetry::Style style = telemetry::Style::of_stdout();
  std::cout << style.bold("plan for " + arguments.config.config) << '\n';
  print_assumptions(style, rates, config.model.dtype, workload);
  print_meshes(style, rows);
  if (plans.size() == 1) print_one(style, plans.front());
  if (best == nullptr || plans.size() > 1) {
    std::cout << (best ? style.good("cheapest") + "  " + mesh_text(best->shape) + ": "
                       : style.bad("none") + "  ")
              << reason << '\n';
  }
}

}  // namespace

void add_plan_command(Command& program) {
  const auto arguments = std::make_shared<PlanArguments>();
  Command* command = program.add_subcommand(
      "plan", "Predict memory, traffic and time of a step on a mesh; reads no weights, no data");
  add_config_arguments(*command, arguments->config);
  command
      ->add_option("--model", arguments->model, "replaces model.path; only config.json is needed")
      ->type_name("DIR");
  command->add_option("--ranks", arguments->ranks, "compare all meshes of N ranks; several: 8,16")
      ->type_name("N")
      ->delimiter(',')
      ->one_at_a_time()
      ->between(std::int64_t{1}, 65536);
  command
      ->add_option("--tokens", arguments->tokens,
                   "tokens of an example with its answers; otherwise task.max_source_tokens + 2")
      ->between(std::int64_t{2}, std::int64_t{1} << 20);
  command
      ->add_option(
          "--gpu-memory", arguments->memory_gib,
          "memory per rank, in GiB: 80 unless set. Without this and the next three options, "
          "a machine without a GPU plans for itself")
      ->positive();
  command->add_option("--tflops", arguments->tflops, "TFLOP/s reached per rank: 400 unless set")
      ->positive();
  command
      ->add_option("--bandwidth", arguments->bandwidth,
                   "GB/s sent per rank within a machine and between machines: 400,50 unless set")
      ->type_name("W,B")
      ->delimiter(',')
      ->expected(2)
      ->positive();
  command
      ->add_option("--ranks-per-machine", arguments->ranks_per_machine,
                   "ranks per machine: 8 unless set")
      ->between(std::int64_t{1}, 1024);
  command
      ->add_option(
          "--rates-of", arguments->rates_of,
          "a finished run: TFLOP/s, bandwidth within a machine and tokens as measured there")
      ->type_name("RUN");
  command->add_flag("--json", arguments->json, "write JSON");
  command->example("incipit plan configs/recipes/rte.yaml --ranks 8 --gpu-memory 24");
  command->callback([arguments] { run_plan(*arguments); });
}

}  // namespace incipit::launcher
