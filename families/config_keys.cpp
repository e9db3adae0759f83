#include "families/config_keys.h"

#include "core/json.h"

namespace incipit::families {
namespace {

using model::JsonObject;

std::int32_t token_id(const JsonObject& json, const std::string& key, const nlohmann::json& value) {
  const auto id = value.is_number_integer() ? value.get<std::int64_t>() : -1;
  if (id < 0 || id > kMostOfAnything) {
    json.fail(key,
              "must be a token id, is " + dump_json(value, -1, BadUtf8::kThrow, Letters::kAscii));
  }
  return static_cast<std::int32_t>(id);
}

}  // namespace

void lacks(const JsonObject& json, const std::string& key, const std::string& what) {
  json.fail(key, what + " is not supported");
}

double positive(const JsonObject& json, const std::string& key) {
  const double number = json.number(key);
  if (!(number > 0)) json.fail(key, "must be above 0");
  return number;
}

std::vector<bool> sliding_layers(const JsonObject& json, std::int64_t layers) {
  const char* key = "layer_types";
  const nlohmann::json& types = json.value()[key];
  if (!types.is_array() || static_cast<std::int64_t>(types.size()) != layers) {
    json.fail(key, "must name the kind of each of the " + std::to_string(layers) +
                       " layers (num_hidden_layers)");
  }
  std::vector<bool> sliding;
  for (const nlohmann::json& type : types) {
    if (type != "full_attention" && type != "sliding_attention") lacks(json, key, dump_json(type));
    sliding.push_back(type == "sliding_attention");
  }
  return sliding;
}

void refuse_quantized(const JsonObject& json) {
  if (!json.has("quantization_config")) return;
  const std::string method = json.object("quantization_config").text_or("quant_method", "unnamed");
  lacks(json, "quantization_config",
        "quantized storage (" + method +
            "; load the model with transformers, call dequantize(), save it, and use the copy)");
}

void read_special_tokens(const JsonObject& json, std::optional<std::int32_t>& bos,
                         std::vector<std::int32_t>& eos) {
  if (json.has("bos_token_id")) {
    bos = token_id(json, "bos_token_id", json.value()["bos_token_id"]);
  }
  if (!json.has("eos_token_id")) return;
  const nlohmann::json& value = json.value()["eos_token_id"];
  if (value.is_array()) {
    for (const nlohmann::json& id : value) eos.push_back(token_id(json, "eos_token_id", id));
  } else {
    eos.push_back(token_id(json, "eos_token_id", value));
  }
}

std::string stored_dtype(const JsonObject& json) {
  return json.text_or("dtype", json.text_or("torch_dtype", ""));
}

}  // namespace incipit::families
