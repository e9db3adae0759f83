#include "launcher/commands/doctor.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "comm/nccl.h"
#include "core/error.h"
#include "core/text.h"
#include "data/example_cache.h"
#include "kernels/cuda/module.h"
#include "launcher/arguments.h"
#include "launcher/command_line.h"
#include "launcher/json_output.h"
#include "launcher/model_check.h"
#include "launcher/model_choice.h"
#include "launcher/system_info.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

std::string cache_text() {
  const auto folder = data::cache_folder();
  if (!folder) return "off: tokenised files are not kept";
  const data::CacheUse use = data::cache_use(*folder);
  return folder->string() + ", " + human_bytes(static_cast<double>(use.bytes)) + " in " +
         std::to_string(use.files) + (use.files == 1 ? " file" : " files");
}

std::string kernels_text(const telemetry::Style& style) {
  try {
    const kernels::cuda::Module& module = kernels::cuda::module();
    return module.table ? "libincipit_cuda.so, version " + std::to_string(module.table->version)
                        : module.problem;
  } catch (const ConfigError& error) {
    return style.bad(error.what());
  }
}

struct Section {
  std::string name;
  telemetry::Facts facts;
};

std::vector<Section> describe_machine(const telemetry::Style& style) {
  const UsableCores cores = usable_cores();
  const auto openmp = openmp_runtimes();
  const ModelChoice choice = choose_model({}, this_machine({}));
  const GpuInfo gpu = gpu_info();
  telemetry::Facts devices;
  for (std::size_t i = 0; i < gpu.devices.size(); ++i) {
    devices.emplace_back(std::to_string(i), gpu.devices[i]);
  }
  if (devices.empty()) devices.emplace_back("none", "work runs on the processor");
  return {
      {"machine",
       {{"processor", processor_name() + " (" + processor_capability() + ")"},
        {"cores", std::to_string(cores.count()) + " usable of " + std::to_string(cores.machine)},
        {"threads", threads_text(cores)},
        {"OpenMP", openmp.size() == 1 ? openmp[0]
                                      : style.bad(std::to_string(openmp.size()) +
                                                  " runtimes are mapped; one is expected: ") +
                                            join(openmp)},
        {"model.dtype: auto", dtype_text(choice)},
        {"model.device: auto", device_text(choice)},
        {"cache", cache_text()}}},
      {"libraries",
       {{"incipit", incipit_version()},
        {"libtorch", libtorch_version()},
        {"MPI", mpi_version()},
        {"NCCL", gpu.nccl + (comm::has_nccl() ? "" : " (this build has no nccl backend)")},
        {"CUDA", "runtime " + gpu.runtime + ", driver " + gpu.driver},
        {"GPU kernels", kernels_text(style)}}},
      {"GPUs", devices}};
}

bool all_ok(const std::vector<ModelCheck>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const ModelCheck& each) { return each.ok; });
}

void print_model(const telemetry::Style& style, const fs::path& path,
                 const std::vector<ModelCheck>& checks) {
  std::cout << style.bold("model " + path.string()) << '\n';
  telemetry::Facts facts;
  for (const ModelCheck& check : checks) {
    facts.emplace_back(check.name,
                       (check.ok ? style.good("ok") : style.bad("no")) + "  " + check.text);
  }
  telemetry::print_facts(std::cout, style, facts);
}

void print_as_json(const fs::path& model, const std::vector<ModelCheck>& checks) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const Section& section : describe_machine(telemetry::Style(false))) {
    json[section.name] = facts_json(section.facts);
  }
  if (!model.empty()) {
    json["model"] = {{"path", model.string()}, {"ok", all_ok(checks)}};
    for (const ModelCheck& check : checks) {
      json["model"]["checks"].push_back(
          {{"name", check.name}, {"ok", check.ok}, {"text", check.text}});
    }
  }
  print_json(json);
}

struct DoctorArguments {
  fs::path model;
  bool json = false;
};

void run_doctor(const DoctorArguments& arguments) {
  const telemetry::Style style = telemetry::Style::of_stdout();
  std::vector<ModelCheck> checks;
  if (!arguments.json) {
    for (const Section& section : describe_machine(style)) {
      std::cout << style.bold(section.name) << '\n';
      telemetry::print_facts(std::cout, style, section.facts);
    }
  }
  if (!arguments.model.empty()) checks = check_model(arguments.model);
  if (arguments.json) {
    print_as_json(arguments.model, checks);
  } else if (!arguments.model.empty()) {
    print_model(style, arguments.model, checks);
  }
  if (all_ok(checks)) return;
  throw DataError(arguments.model.string() + ": this model cannot be used; the reasons are above");
}

}  // namespace

void add_doctor_command(Command& program) {
  const auto arguments = std::make_shared<DoctorArguments>();
  Command* command = program.add_subcommand(
      "doctor", "Show what this machine offers, and whether a model is supported");
  command->add_option("--model", arguments->model, "a model folder to check")->type_name("PATH");
  add_json_flag(*command, arguments->json);
  command->example("incipit doctor --model models/smollm2-135m-instruct");
  command->callback([arguments] { run_doctor(*arguments); });
}

}  // namespace incipit::launcher
