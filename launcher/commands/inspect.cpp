#include "launcher/commands/inspect.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/json_member.h"
#include "core/text.h"
#include "families/registry.h"
#include "launcher/arguments.h"
#include "launcher/command_line.h"
#include "launcher/run_dir.h"
#include "methods/prompted_model.h"
#include "methods/registry.h"
#include "model/as_stored.h"
#include "model/safetensors.h"
#include "model/safetensors_types.h"
#include "model/weight_files.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::int64_t element_count(const model::TensorInfo& info) {
  std::int64_t count = 1;
  for (const std::int64_t size : info.shape) count *= size;
  return count;
}

// Works for a single file and for a folder of shards: both list names and provide their tensors.
template <typename Files>
void print_tensors(const telemetry::Style& style, const Files& files) {
  telemetry::Table table({"tensor", "type", "shape", "bytes"});
  for (const std::string& name : files.names()) {
    const model::TensorInfo& info = files.info(name);
    table.add({name, model::safetensors_dtype_name(info.dtype), model::shape_text(info.shape),
               telemetry::grouped(static_cast<std::int64_t>(info.bytes()))});
  }
  table.print(std::cout, style);
}

// What to show of a model besides its shape.
struct Show {
  bool tensors = false;
  bool hash = false;
};

void inspect_model(const telemetry::Style& style, const fs::path& path, const Show& show) {
  const fs::path dir = model::resolve_model_dir(path);
  const model::WeightFiles weights(dir);
  const model::ModelSpec config = model::as_stored(families::read_model(dir), weights);
  const model::AttentionSpec& attention = config.layers.front().attention;
  std::int64_t parameters = 0;
  for (const std::string& name : weights.names()) parameters += element_count(weights.info(name));
  std::cout << style.bold("model " + path.string()) << '\n';
  telemetry::print_facts(
      std::cout, style,
      {{"type", config.model_type},
       {"layers", std::to_string(config.layer_count())},
       {"hidden", telemetry::grouped(config.hidden_size) + ", intermediate " +
                      telemetry::grouped(config.layers.front().mlp.width)},
       {"heads", std::to_string(attention.heads) + " query, " + std::to_string(attention.kv_heads) +
                     " key and value, of " + std::to_string(attention.head_dim)},
       {"vocabulary", telemetry::grouped(config.vocab_size) +
                          (config.tied() ? ", head tied to the embedding" : "")},
       {"positions", telemetry::grouped(config.max_positions)},
       {"parameters", telemetry::short_count(parameters)},
       {"stored as",
        config.torch_dtype + ", " + human_bytes(static_cast<double>(weights.total_bytes()))},
       {"headers", "SHA-256 " + weights.header_fingerprint()},
       {"fingerprint", weights.fingerprint()}});
  if (show.hash)
    telemetry::print_facts(std::cout, style, {{"all weights", "SHA-256 " + weights.full_hash()}});
  if (show.tensors) print_tensors(style, weights);
}

void inspect_prompt(const telemetry::Style& style, const fs::path& path) {
  const methods::LoadedPrompt loaded = methods::load_prompt(path);
  const methods::Adapter& prompt = *loaded.prompt;
  std::int64_t parameters = 0;
  for (const at::Tensor& tensor : prompt.stored()) parameters += tensor.numel();
  const methods::PromptDescription description = prompt.describe();
  telemetry::Facts facts(description.facts.begin(), description.facts.end());
  facts.emplace_back("parameters", telemetry::grouped(parameters));
  if (const auto& head = loaded.backbone.head) {
    const std::string outputs = head->outputs.empty() ? "" : ": " + join(head->outputs);
    facts.emplace_back(
        "head", head->module + ", " + std::to_string(head->weight.size(0)) + " outputs" + outputs);
  }
  if (!prompt.name().empty()) facts.emplace_back("name", prompt.name());
  if (!loaded.backbone.name.empty()) facts.emplace_back("made for", loaded.backbone.name);
  if (!loaded.backbone.weights_fingerprint.empty()) {
    facts.emplace_back("weights", "fingerprint " + loaded.backbone.weights_fingerprint);
  }
  std::cout << style.bold(description.title + " " + path.string()) << '\n';
  telemetry::print_facts(std::cout, style, facts);
}

// Returns the last line of metrics.jsonl that records a step.
std::string last_step(const fs::path& metrics) {
  const std::string text = read_text(metrics);
  std::string last;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const Json line = parse_json_or_discard<Json>(text.substr(begin, end - begin));
    if (!line.is_object() || !line.contains("loss") || !line["loss"].is_number()) continue;
    last = telemetry::grouped(member_or(line, "step", std::int64_t{0})) + ", loss " +
           telemetry::fixed(line["loss"].get<double>(), 4);
  }
  return last;
}

void inspect_run(const telemetry::Style& style, const fs::path& path) {
  const Json manifest = parse_json_or_discard<Json>(read_text(path / "manifest.json"));
  if (!manifest.is_object())
    throw DataError((path / "manifest.json").string() + ": not valid JSON");
  telemetry::Facts facts;
  for (const char* key : {"command", "started", "host", "ranks", "threads_per_rank", "seed"}) {
    if (!manifest.contains(key)) continue;
    const Json& value = manifest[key];
    facts.emplace_back(key, value.is_string() ? value.get<std::string>() : dump_json(value));
  }
  if (fs::exists(path / "metrics.jsonl")) {
    facts.emplace_back("last step", last_step(path / "metrics.jsonl"));
  }
  if (fs::exists(path / "scores.json")) {
    const Json scores = parse_json_or_discard<Json>(read_text(path / "scores.json"));
    if (scores.is_object()) {
      for (const auto& [split, values] : scores.items()) {
        facts.emplace_back(split, dump_json(values));
      }
    }
  }
  std::cout << style.bold("run " + path.string()) << '\n';
  telemetry::print_facts(std::cout, style, facts);
  for (const char* which : {"best", "last"}) {
    if (fs::exists(path / "adapter" / which)) inspect_prompt(style, path / "adapter" / which);
  }
}

void run_inspect(const fs::path& path, const Show& show) {
  const telemetry::Style style = telemetry::Style::of_stdout();
  if (!fs::exists(path)) throw DataError(path.string() + ": no such file or folder");
  const std::string ending = path.extension().string();
  if (fs::is_directory(path)) {
    if (methods::is_adapter(path)) return inspect_prompt(style, path);
    if (is_run_dir(path)) return inspect_run(style, path);
    return inspect_model(style, path, show);
  }
  if (ending == ".npy") return inspect_prompt(style, path);
  if (ending == ".safetensors") {
    const model::SafetensorsFile file(path);
    std::cout << style.bold("tensors " + path.string()) << '\n';
    for (const auto& [key, value] : file.metadata()) {
      telemetry::print_facts(std::cout, style, {{key, value}});
    }
    return print_tensors(style, file);
  }
  throw DataError(path.string() +
                  ": expected a model folder, an adapter folder, a run directory, a .safetensors "
                  "or a .npy file" +
                  (ending == ".bin" || ending == ".pt" || ending == ".pth"
                       ? "; pickled weights are never read"
                       : ""));
}

}  // namespace

void add_inspect_command(Command& program) {
  const auto path = std::make_shared<fs::path>();
  const auto show = std::make_shared<Show>();
  Command* command = program.add_subcommand(
      "inspect", "Show the contents of a model, adapter, run or tensor file");
  command->add_option("path", *path, "folder or file")->type_name("PATH")->required();
  command->add_flag("--tensors", show->tensors, "of a model: list every tensor");
  command->add_flag("--hash", show->hash, "of a model: SHA-256 over every byte of its weights");
  command->example("incipit inspect runs/rte/adapter/best");
  command->callback([path, show] { run_inspect(*path, *show); });
}

}  // namespace incipit::launcher
