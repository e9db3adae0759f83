#include "launcher/commands/merge.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "core/error.h"
#include "families/registry.h"
#include "launcher/command_line.h"
#include "launcher/run_dir.h"
#include "methods/registry.h"
#include "model/as_stored.h"
#include "model/merge.h"
#include "model/weight_files.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct MergeArguments {
  fs::path adapter;
  fs::path model;
  fs::path output;
};

void run_merge(const MergeArguments& arguments) {
  const fs::path adapter =
      is_run_dir(arguments.adapter) ? arguments.adapter / "adapter" / "best" : arguments.adapter;
  const methods::LoadedPrompt loaded = methods::load_prompt(adapter);
  if (loaded.backbone.head) {
    throw ConfigError(adapter.string() +
                      ": has a trained head, which a model of text has no place for; only LoRA "
                      "adapters without one can be merged");
  }
  const auto changes = loaded.prompt->weight_changes();
  if (changes.empty()) {
    throw ConfigError(adapter.string() + ": is a " + loaded.prompt->describe().title +
                      ", which changes no weights; only LoRA adapters can be merged");
  }
  const std::string named =
      arguments.model.empty() ? loaded.backbone.name : arguments.model.string();
  if (named.empty()) {
    throw ConfigError(adapter.string() + ": does not name its model; give it with --model");
  }
  const fs::path dir = model::resolve_model_dir(named);
  const model::WeightFiles files(dir);
  const model::ModelSpec spec = model::as_stored(families::read_model(dir), files);
  methods::check_backbone(
      loaded, spec,
      {.name = named, .weights_fingerprint = files.fingerprint(), .hidden_size = spec.hidden_size},
      adapter);
  model::write_merged(arguments.output, files, spec, changes);
  telemetry::print_facts(
      std::cout, telemetry::Style::of_stdout(),
      {{"merged", std::to_string(changes.size()) + " weights of " + dir.string()},
       {"model", arguments.output.string()}});
}

}  // namespace

void add_merge_command(Command& program) {
  const auto arguments = std::make_shared<MergeArguments>();
  Command* command = program.add_subcommand("merge", "Add a LoRA adapter to the model's weights");
  command->add_option("adapter", arguments->adapter, "adapter folder, or run directory: its best")
      ->type_name("ADAPTER")
      ->required();
  command
      ->add_option("--model", arguments->model,
                   "model folder (default: the one that the adapter names)")
      ->type_name("PATH");
  command->add_option("--output", arguments->output, "new folder for the merged model")
      ->type_name("PATH")
      ->required();
  command->example("incipit merge runs/town_hall_lora --output runs/town_hall_lora/merged");
  command->callback([arguments] { run_merge(*arguments); });
}

}  // namespace incipit::launcher
