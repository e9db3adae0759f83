#include "launcher/commands/doctor.h"

#include <filesystem>
#include <iostream>
#include <memory>

#include "comm/nccl.h"
#include "core/error.h"
#include "core/text.h"
#include "data/example_cache.h"
#include "data/special_tokens.h"
#include "data/tokenizer/tokenizer.h"
#include "families/registry.h"
#include "launcher/arguments.h"
#include "launcher/command_line.h"
#include "launcher/model_choice.h"
#include "launcher/system_info.h"
#include "model/weight_files.h"
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

// Runs a check. Returns its text, or why it failed.
template <typename Look>
void check(telemetry::Facts& facts, bool& ok, const telemetry::Style& style, const char* name,
           const Look& look) {
  try {
    facts.emplace_back(name, style.good("ok") + "  " + look());
  } catch (const Error& error) {
    ok = false;
    facts.emplace_back(name, style.bad("no") + "  " + error.what());
  }
}

bool print_model(const telemetry::Style& style, const fs::path& path) {
  std::cout << style.bold("model " + path.string()) << '\n';
  telemetry::Facts facts;
  bool ok = true;
  fs::path dir = path;
  check(facts, ok, style, "folder",
        [&] { return (dir = model::resolve_model_dir(path)).string(); });
  if (ok) {
    check(facts, ok, style, "config.json", [&] {
      const model::ModelSpec config = families::read_model(dir);
      return config.model_type + ", " + std::to_string(config.layer_count()) + " layers, " +
             telemetry::grouped(config.max_positions) + " positions";
    });
    check(facts, ok, style, "weights", [&] {
      const model::WeightFiles weights(dir);
      return std::to_string(weights.names().size()) + " tensors, " +
             human_bytes(static_cast<double>(weights.total_bytes()));
    });
    check(facts, ok, style, "tokenizer", [&] {
      const data::Tokenizer tokenizer = data::Tokenizer::load(dir);
      (void)data::read_special_tokens(dir, tokenizer);
      return telemetry::grouped(tokenizer.vocab_size()) + " tokens";
    });
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
