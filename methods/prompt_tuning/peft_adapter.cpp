// Hugging Face PEFT adapter folders (prompt tuning), as version 0.21.2 writes and reads them.
#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/text.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "methods/prompt_tuning/prompt_values.h"
#include "model/json_file.h"
#include "model/safetensors.h"

namespace incipit::prompt_tuning {
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

nlohmann::json null_if_zero(std::int64_t number) {
  return number == 0 ? nlohmann::json() : nlohmann::json(number);
}

// Keys are sorted, as PEFT writes them. PEFT's prompt_tuning_init says how to fill a new prompt;
// since the values are given, use RANDOM, which needs no further settings.
std::string config_text(const SoftPrompt& prompt, const BackboneInfo& backbone) {
  const nlohmann::json config = {
      {"auto_mapping", nullptr},
      {"base_model_name_or_path", backbone.name},
      {"inference_mode", true},
      {"modules_to_save", nullptr},
      {"num_attention_heads", null_if_zero(backbone.attention_heads)},
      {"num_layers", null_if_zero(backbone.layers)},
      {"num_transformer_submodules", 1},
      {"num_virtual_tokens", prompt.rows()},
      {"peft_type", "PROMPT_TUNING"},
      {"peft_version", kPeftVersion},
      {"prompt_tuning_init", "RANDOM"},
      {"prompt_tuning_init_text", nullptr},
      {"revision", nullptr},
      {"task_type", "CAUSAL_LM"},
      {"token_dim", prompt.width()},
      {"tokenizer_kwargs", nullptr},
      {"tokenizer_name_or_path", nullptr},
  };
  return dump_json(config, 2, BadUtf8::kReplace, Letters::kAscii);
}

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

JsonObject read_config(const fs::path& folder) {
  if (!fs::exists(folder / kConfigFile)) {
    throw DataError((folder / kConfigFile).string() + ": is missing: no adapter here" +
                    subfolder_hint(folder));
  }
  JsonObject config = JsonObject::read(folder / kConfigFile);
  const std::string type = config.text("peft_type");
  if (type != "PROMPT_TUNING") {
    config.fail("peft_type", "is " + type + "; supported: PROMPT_TUNING");
  }
  if (config.has("modules_to_save") && !config.value()["modules_to_save"].empty()) {
    config.fail("modules_to_save", "further trained modules beside the prompt are not supported");
  }
  return config;
}

SafetensorsFile open_tensors(const fs::path& folder) {
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

// Returns the prompt's rows as float32 in their own memory (a mapped file cannot be trained).
at::Tensor read_values(const SafetensorsFile& file, std::int64_t rows, std::int64_t stored_rows,
                       std::int64_t width) {
  const std::string where = file.path().string() + ": tensor '" + kTensor + "'";
  if (!file.contains(kTensor)) {
    throw DataError(where + " is missing; the file holds: " + join(file.names()));
  }
  const model::TensorInfo& info = file.info(kTensor);
  const std::vector<std::int64_t> expected = {stored_rows, width};
  if (info.shape != expected) {
    throw DataError(where + " has shape " + model::shape_text(info.shape) + ", but " + kConfigFile +
                    " says " + model::shape_text(expected) + " (num_virtual_tokens, token_dim)");
  }
  if (!c10::isFloatingType(info.dtype)) {
    throw DataError(where + " holds " + c10::toString(info.dtype) + ", not floating-point numbers");
  }
  const at::Tensor values = file.rows(kTensor, 0, rows).to(at::kFloat, false, /*copy=*/true);
  if (!all_finite(values)) throw DataError(where + " holds numbers that are not finite");
  return values;
}

}  // namespace

void save_peft_adapter(const fs::path& folder, const SoftPrompt& prompt,
                       const BackboneInfo& backbone) {
  check_prompt(prompt);
  std::map<std::string, std::string> metadata;
  if (!prompt.name.empty()) metadata[kNameKey] = prompt.name;
  if (!backbone.weights_fingerprint.empty()) {
    metadata[kFingerprintKey] = backbone.weights_fingerprint;
  }
  model::write_safetensors(folder / kTensorFile, {{kTensor, prompt.values}}, metadata);
  write_atomically(folder / kConfigFile, config_text(prompt, backbone));
}

LoadedPrompt load_peft_adapter(const fs::path& folder) {
  const JsonObject config = read_config(folder);
  const std::int64_t rows = config.integer("num_virtual_tokens", 1);
  const std::int64_t width = config.integer("token_dim", 1);
  // For an encoder-decoder, PEFT uses only the first num_virtual_tokens rows.
  const std::int64_t copies = config.has("num_transformer_submodules")
                                  ? config.integer("num_transformer_submodules", 1, 2)
                                  : 1;
  const SafetensorsFile file = open_tensors(folder);
  const auto metadata = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  LoadedPrompt loaded;
  loaded.prompt.values = read_values(file, rows, rows * copies, width);
  loaded.prompt.name = metadata(kNameKey);
  if (loaded.prompt.name.empty()) loaded.prompt.name = folder.filename().string();
  loaded.backbone.name = config.text_or("base_model_name_or_path", "");
  loaded.backbone.weights_fingerprint = metadata(kFingerprintKey);
  loaded.backbone.hidden_size = width;
  if (config.has("num_layers")) loaded.backbone.layers = config.integer("num_layers");
  if (config.has("num_attention_heads")) {
    loaded.backbone.attention_heads = config.integer("num_attention_heads");
  }
  return loaded;
}

}  // namespace incipit::prompt_tuning
