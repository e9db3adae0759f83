#include "launcher/commands/doctor.h"

#include <filesystem>
#include <iostream>
#include <memory>

#include "comm/nccl.h"
#include "core/error.h"
#include "core/text.h"
#include "data/example_cache.h"
#include "launcher/arguments.h"
#include "launcher/command_line.h"
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

void print_machine(const telemetry::Style& style) {
  const UsableCores cores = usable_cores();
  const auto openmp = openmp_runtimes();
  const ModelChoice choice = choose_model({}, this_machine({}));
  std::cout << style.bold("machine") << '\n';
  telemetry::print_facts(
      std::cout, style,
      {{"processor", processor_name() + " (" + processor_capability() + ")"},
       {"cores", std::to_string(cores.count()) + " usable of " + std::to_string(cores.machine)},
       {"threads", threads_text(cores)},
       {"OpenMP", openmp.size() == 1 ? openmp[0]
                                     : style.bad(std::to_string(openmp.size()) +
                                                 " runtimes are mapped; one is expected: ") +
                                           join(openmp)},
       {"model.dtype: auto", dtype_text(choice)},
       {"model.device: auto", device_text(choice)},
       {"cache", cache_text()}});
  std::cout << style.bold("libraries") << '\n';
  const GpuInfo gpu = gpu_info();
  telemetry::print_facts(
      std::cout, style,
      {{"incipit", incipit_version()},
       {"libtorch", libtorch_version()},
       {"MPI", mpi_version()},
       {"NCCL", gpu.nccl + (comm::has_nccl() ? "" : " (this build has no nccl backend)")},
       {"CUDA", "runtime " + gpu.runtime + ", driver " + gpu.driver}});
  std::cout << style.bold("GPUs") << '\n';
  telemetry::Facts devices;
  for (std::size_t i = 0; i < gpu.devices.size(); ++i) {
    devices.emplace_back(std::to_string(i), gpu.devices[i]);
  }
  if (devices.empty()) devices.emplace_back("none", "work runs on the processor");
  telemetry::print_facts(std::cout, style, devices);
}

bool print_model(const telemetry::Style& style, const fs::path& path) {
  std::cout << style.bold("model " + path.string()) << '\n';
  telemetry::Facts facts;
  bool ok = true;
  for (const ModelCheck& check : check_model(path)) {
    ok = ok && check.ok;
    facts.emplace_back(check.name,
                       (check.ok ? style.good("ok") : style.bad("no")) + "  " + check.text);
  }
  telemetry::print_facts(std::cout, style, facts);
  return ok;
}

void run_doctor(const fs::path& model) {
  const telemetry::Style style = telemetry::Style::of_stdout();
  print_machine(style);
  if (model.empty() || print_model(style, model)) return;
  throw DataError(model.string() + ": this model cannot be used; the reasons are above");
}

}  // namespace

void add_doctor_command(Command& program) {
  const auto model = std::make_shared<fs::path>();
  Command* command = program.add_subcommand(
      "doctor", "Show what this machine offers, and whether a model is supported");
  command->add_option("--model", *model, "a model folder to check")->type_name("PATH");
  command->example("incipit doctor --model models/smollm2-135m-instruct");
  command->callback([model] { run_doctor(*model); });
}

}  // namespace incipit::launcher
