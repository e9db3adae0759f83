#include "methods/peft_folder.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/text.h"
#include "methods/values.h"
#include "model/safetensors.h"

namespace incipit::methods {
namespace {

namespace fs = std::filesystem;
using model::JsonObject;
using model::SafetensorsFile;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kTensorFile = "adapter_model.safetensors";
constexpr const char* kTensor = "prompt_embeddings";
constexpr const char* kPeftVersion = "0.21.2";  // the version whose format this is
constexpr const char* kFingerprintKey = "incipit_backbone_fingerprint";
constexpr const char* kNameKey = "incipit_prompt_name";
constexpr const char* kTasksKey = "incipit_tasks";

// Adapters not named "default" are in a subfolder, and PEFT expects the path of that subfolder.
std::string subfolder_hint(const fs::path& folder) {
  std::vector<std::string> found;
  if (fs::is_directory(folder)) {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      if (fs::exists(entry.path() / kConfigFile)) found.push_back(entry.path().string());
    }
  }
  std::sort(found.begin(), found.end());
  return found.empty() ? "" : "; did you mean " + join(found, " or ") + "?";
}

}  // namespace

at::Tensor read_peft_tensor(const SafetensorsFile& file, const std::string& name,
                            at::IntArrayRef shape, const std::string& shape_text) {
  const std::string where = file.path().string() + ": tensor '" + name + "'";
  if (!file.contains(name)) {
    throw DataError(where + " is missing; the file has: " + join(file.names()));
  }
  const model::TensorInfo& info = file.info(name);
  if (at::IntArrayRef(info.shape) != shape) {
    throw DataError(where + " has shape " + model::shape_text(info.shape) + ", but " + kConfigFile +
                    " says " + model::shape_text(shape) + " (" + shape_text + ")");
  }
  if (!c10::isFloatingType(info.dtype)) {
    throw DataError(where + " has " + c10::toString(info.dtype) + ", not floating-point numbers");
  }
  at::Tensor values = file.tensor(name).to(at::kFloat, false, /*copy=*/true);
  if (!all_finite(values)) throw DataError(where + " has numbers that are not finite");
  return values;
}

void save_peft_files(const fs::path& folder, const PeftOrigin& origin,
                     const std::map<std::string, at::Tensor>& prompt, const nlohmann::json& own) {
  for (const auto& [name, values] : prompt) check_values(origin.name, values);
  std::map<std::string, at::Tensor> tensors = prompt;
  std::map<std::string, std::string> metadata;
  if (!origin.name.empty()) metadata[kNameKey] = origin.name;
  if (!origin.backbone.weights_fingerprint.empty()) {
    metadata[kFingerprintKey] = origin.backbone.weights_fingerprint;
  }
  if (!origin.tasks.empty()) metadata[kTasksKey] = join(origin.tasks, ",");
  // Keys are sorted, as PEFT writes them.
  nlohmann::json config = {
      {"auto_mapping", nullptr},      {"base_model_name_or_path", origin.backbone.name},
      {"inference_mode", true},       {"modules_to_save", nullptr},
      {"peft_version", kPeftVersion}, {"revision", nullptr},
      {"task_type", "CAUSAL_LM"},
  };
  config.update(own);
  if (origin.backbone.head) add_head(*origin.backbone.head, tensors, config, metadata);
  model::write_safetensors(folder / kTensorFile, tensors, metadata);
  write_atomically(folder / kConfigFile, dump_json(config, 2, BadUtf8::kReplace, Letters::kAscii));
}

nlohmann::json null_if_zero(std::int64_t number) {
  return number == 0 ? nlohmann::json() : nlohmann::json(number);
}

void save_peft_folder(const fs::path& folder, const PeftAdapter& adapter,
                      const nlohmann::json& own) {
  nlohmann::json config = {{"num_transformer_submodules", 1},
                           {"num_virtual_tokens", adapter.values.size(0)}};
  config.update(own);
  save_peft_files(folder, {adapter.name, adapter.backbone}, {{kTensor, adapter.values}}, config);
}

SafetensorsFile open_peft_tensors(const fs::path& folder) {
  const fs::path pickled = folder / "adapter_model.bin";
  if (!fs::exists(folder / kTensorFile) && fs::exists(pickled)) {
    throw DataError(
        pickled.string() + ": pickled weights are never read, since reading them can run code; " +
        "convert them once: python3 -c \"import torch, safetensors.torch as s; s.save_file(" +
        "torch.load('" + pickled.string() + "', weights_only=True), '" +
        (folder / kTensorFile).string() + "')\"");
  }
  return SafetensorsFile(folder / kTensorFile);
}

PeftOrigin read_peft_origin(const fs::path& folder, const JsonObject& config,
                            const SafetensorsFile& file) {
  const auto metadata = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  PeftOrigin origin;
  origin.name = metadata(kNameKey);
  if (origin.name.empty()) origin.name = folder.filename().string();
  origin.backbone.name = config.text_or("base_model_name_or_path", "");
  origin.backbone.weights_fingerprint = metadata(kFingerprintKey);
  origin.backbone.head = read_head(config, file);
  std::istringstream tasks(metadata(kTasksKey));
  for (std::string task; std::getline(tasks, task, ',');) origin.tasks.push_back(task);
  return origin;
}

JsonObject read_peft_config(const fs::path& folder) {
  if (!fs::exists(folder / kConfigFile)) {
    throw DataError((folder / kConfigFile).string() + ": is missing: no adapter here" +
                    subfolder_hint(folder));
  }
  return JsonObject::read(folder / kConfigFile);
}

std::int64_t stored_width(const fs::path& folder) {
  const SafetensorsFile file = open_peft_tensors(folder);
  const model::TensorInfo& info = file.info(kTensor);
  if (info.shape.size() == 2 && info.shape[1] > 0) return info.shape[1];
  throw DataError(file.path().string() + ": tensor '" + kTensor + "' has shape " +
                  model::shape_text(info.shape) + "; expected a row per virtual token");
}

PeftAdapter read_peft_tensors(const fs::path& folder, const JsonObject& config, std::int64_t width,
                              std::int64_t copies, const std::string& width_text) {
  const std::int64_t rows = config.integer("num_virtual_tokens", 1);
  const SafetensorsFile file = open_peft_tensors(folder);
  PeftOrigin origin = read_peft_origin(folder, config, file);
  PeftAdapter adapter{.name = std::move(origin.name),
                      .values = read_peft_tensor(file, kTensor, {rows * copies, width},
                                                 "num_virtual_tokens, " + width_text)
                                    .narrow(0, 0, rows),
                      .backbone = std::move(origin.backbone)};
  if (config.has("num_layers")) adapter.backbone.layers = config.integer("num_layers");
  if (config.has("num_attention_heads")) {
    adapter.backbone.attention_heads = config.integer("num_attention_heads");
  }
  return adapter;
}

}  // namespace incipit::methods
