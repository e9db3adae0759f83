#include "methods/lora/lora_adapter.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/error.h"
#include "methods/values.h"
#include "model/safetensors.h"

namespace incipit::lora {
namespace {

using model::JsonObject;
using model::SafetensorsFile;

constexpr const char* kPrefix = "base_model.model.";
constexpr const char* kA = ".lora_A.weight";
constexpr const char* kB = ".lora_B.weight";

// Keys of variants of LoRA, and of additions to other layers, which must not be set.
constexpr const char* kUnsupported[] = {"alora_invocation_tokens",
                                        "alpha_pattern",
                                        "arrow_config",
                                        "layer_replication",
                                        "lora_bias",
                                        "monteclora_config",
                                        "rank_pattern",
                                        "target_parameters",
                                        "trainable_token_indices",
                                        "use_bdlora",
                                        "use_dora",
                                        "use_qalora",
                                        "velora_config",
                                        "kasa_config"};

// The classes of transformers for questions call a decoder `transformer`, where the others call it
// `model`.
constexpr std::string_view kLayers = "model.layers.";
constexpr std::string_view kLayersInQuestions = "transformer.layers.";

std::string replace_beginning(const std::string& name, std::string_view from, std::string_view to) {
  return name.starts_with(from) ? std::string(to) + name.substr(from.size()) : name;
}

bool is_for_questions(const methods::PeftOrigin& origin) {
  return origin.backbone.head && origin.backbone.head->kind == methods::HeadKind::kSpan;
}

bool is_set(const JsonObject& config, const char* key) {
  if (!config.has(key)) return false;
  const nlohmann::json& value = config.value()[key];
  return value.is_boolean() ? value.get<bool>() : !value.empty();
}

void check_supported(const JsonObject& config) {
  const std::string type = config.text("peft_type");
  if (type != kPeftType) config.fail("peft_type", "is " + type + "; expected " + kPeftType);
  for (const char* key : kUnsupported) {
    if (is_set(config, key)) config.fail(key, "this variant of LoRA is not supported");
  }
  const std::string bias = config.text_or("bias", "none");
  if (bias != "none") config.fail("bias", "is " + bias + "; expected none");
}

// Returns target_modules if it is a list; a pattern stands for the modules that it matched.
std::vector<std::string> targets_of(const JsonObject& config, const std::vector<Module>& modules) {
  std::vector<std::string> targets;
  if (config.has("target_modules") && config.value()["target_modules"].is_array()) {
    for (const nlohmann::json& target : config.value()["target_modules"]) {
      if (!target.is_string()) config.fail("target_modules", "is not a list of names");
      targets.push_back(target.get<std::string>());
    }
  } else {
    for (const Module& module : modules) targets.push_back(module.name);
  }
  return targets;
}

// Returns a matrix [rows, columns] as float32 in its own memory. -1: any number.
at::Tensor matrix(const SafetensorsFile& file, const std::string& name, std::int64_t rows,
                  std::int64_t columns) {
  const std::string where = file.path().string() + ": tensor '" + name + "'";
  const model::TensorInfo& info = file.info(name);
  const bool fits = info.shape.size() == 2 && (rows < 0 || info.shape[0] == rows) &&
                    (columns < 0 || info.shape[1] == columns);
  if (!fits) {
    const auto text = [](std::int64_t size, const char* any) {
      return size < 0 ? any : std::to_string(size);
    };
    throw DataError(where + " has shape " + model::shape_text(info.shape) + "; expected [" +
                    text(rows, "outputs") + ", " + text(columns, "inputs") + "]");
  }
  if (!c10::isFloatingType(info.dtype)) {
    throw DataError(where + " has " + c10::toString(info.dtype) + ", not floating-point numbers");
  }
  const at::Tensor values = file.tensor(name).to(at::kFloat, false, /*copy=*/true);
  if (!methods::all_finite(values)) throw DataError(where + " has numbers that are not finite");
  return values;
}

// Returns the name of the module that the tensor `name` belongs to, which is its A or its B.
std::string module_of(const SafetensorsFile& file, const std::string& name) {
  const std::string prefix = kPrefix;
  for (const std::string& ending : {std::string(kA), std::string(kB)}) {
    if (name.starts_with(prefix) && name.ends_with(ending)) {
      return name.substr(prefix.size(), name.size() - prefix.size() - ending.size());
    }
  }
  throw DataError(file.path().string() + ": tensor '" + name + "' is not supported; expected " +
                  prefix + "MODULE" + kA + " and " + kB);
}

}  // namespace

void save_lora_adapter(const std::filesystem::path& folder, const methods::PeftOrigin& origin,
                       const LoraShape& shape, std::span<const at::Tensor> tensors) {
  const auto stored = [&](const std::string& name) {
    return is_for_questions(origin) ? replace_beginning(name, kLayers, kLayersInQuestions) : name;
  };
  std::vector<std::string> targets;
  for (const std::string& target : shape.targets) targets.push_back(stored(target));
  std::map<std::string, at::Tensor> named;
  for (std::size_t i = 0; i < shape.modules.size(); ++i) {
    const std::string module = kPrefix + stored(shape.modules[i].name);
    named[module + kA] = tensors[2 * i];
    named[module + kB] = tensors[2 * i + 1];
  }
  const bool transposed = std::any_of(shape.modules.begin(), shape.modules.end(),
                                      [](const Module& module) { return module.transposed; });
  methods::save_peft_files(folder, origin, named,
                           {
                               {"bias", "none"},
                               {"fan_in_fan_out", transposed},
                               {"init_lora_weights", true},
                               {"lora_alpha", shape.alpha},
                               {"lora_dropout", 0.0},
                               {"peft_type", kPeftType},
                               {"r", shape.r},
                               {"target_modules", targets},
                               {"task_type", shape.encoder_decoder ? "SEQ_2_SEQ_LM" : "CAUSAL_LM"},
                               {"use_dora", false},
                               {"use_rslora", shape.rslora},
                           });
}

LoadedLora load_lora_adapter(const std::filesystem::path& folder) {
  const JsonObject config = methods::read_peft_config(folder);
  check_supported(config);
  const SafetensorsFile file = methods::open_peft_tensors(folder);
  LoadedLora loaded;
  loaded.origin = methods::read_peft_origin(folder, config, file);
  LoraShape& shape = loaded.shape;
  shape.r = config.integer("r", 1);
  shape.alpha = config.number("lora_alpha");
  shape.rslora = config.boolean_or("use_rslora", false);
  shape.encoder_decoder = config.text_or("task_type", "") == "SEQ_2_SEQ_LM";
  const bool transposed = config.boolean_or("fan_in_fan_out", false);
  std::map<std::string, bool> seen;
  for (const std::string& name : file.names()) {
    if (!methods::is_head_tensor(name)) seen[module_of(file, name)] = true;
  }
  for (const auto& [name, unused] : seen) {
    const std::string module = kPrefix + name;
    const at::Tensor& a = loaded.tensors.emplace_back(matrix(file, module + kA, shape.r, -1));
    const std::int64_t inputs = a.size(1);
    const at::Tensor& b = loaded.tensors.emplace_back(matrix(file, module + kB, -1, shape.r));
    shape.modules.push_back({is_for_questions(loaded.origin)
                                 ? replace_beginning(name, kLayersInQuestions, kLayers)
                                 : name,
                             b.size(0), inputs, transposed});
  }
  if (shape.modules.empty()) throw DataError(file.path().string() + ": has no tensors");
  shape.targets = targets_of(config, shape.modules);
  return loaded;
}

}  // namespace incipit::lora
