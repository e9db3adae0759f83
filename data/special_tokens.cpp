#include "data/special_tokens.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "data/generation_keys.h"
#include "data/tokenizer/json_node.h"
#include "data/tokenizer/other_added_tokens.h"

namespace incipit::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Reads a JSON file without its top-level key `skip` (a tokenizer's vocabulary); null if missing.
json read_json(const fs::path& path, const std::string& skip = "") {
  if (!fs::exists(path)) return nullptr;
  const MappedFile file(path);
  return parse_json_without(path, file.text(), skip);
}

std::optional<TokenId> named_token(const JsonNode& config, std::string_view key,
                                   const Tokenizer& tokenizer) {
  const auto node = config.find(key);
  return node ? tokenizer.token_to_id(token_content(*node)) : std::nullopt;
}

std::vector<TokenId> token_ids(const JsonNode& config, std::string_view key) {
  const auto node = config.find(key);
  if (!node) return {};
  if (!node->value().is_array()) return {static_cast<TokenId>(node->integer())};
  std::vector<TokenId> ids;
  for (const auto& item : node->items()) ids.push_back(static_cast<TokenId>(item.integer()));
  return ids;
}

// Returns the token that the post-processor puts before a single text.
std::optional<TokenId> leading_token(const JsonNode& processor, const Tokenizer& tokenizer) {
  const std::string type = processor.at("type").string();
  if (type == "Sequence") {
    for (const auto& part : processor.at("processors").items()) {
      if (const auto id = leading_token(part, tokenizer)) return id;
    }
  }
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    return tokenizer.token_to_id(processor.at("cls").items().at(0).string());
  }
  if (type != "TemplateProcessing") return std::nullopt;
  const auto single = processor.at("single").items();
  if (single.empty()) return std::nullopt;
  const auto token = single.front().find("SpecialToken");
  return token ? tokenizer.token_to_id(token->at("id").string()) : std::nullopt;
}

// A file of the model folder as a JSON object; empty if missing.
class ModelFile {
 public:
  ModelFile(const fs::path& path, const std::string& skip = "")
      : value_(read_json(path, skip)), node_(value_, path.string()) {
    if (value_.is_null()) value_ = json::object();
  }
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;
  const JsonNode* operator->() const { return &node_; }
  const JsonNode& operator*() const { return node_; }

 private:
  json value_;
  JsonNode node_;  // refers to value_
};

}  // namespace

SpecialTokens read_special_tokens(const fs::path& model_dir, const Tokenizer& tokenizer) {
  const ModelFile pipeline(model_dir / "tokenizer.json", "model");
  const json config_value = read_tokenizer_config(model_dir);
  const JsonNode config(config_value, (model_dir / "tokenizer_config.json").string());
  const ModelFile generation(model_dir / "generation_config.json");
  const ModelFile model(model_dir / "config.json");

  SpecialTokens special;
  if (const auto processor = pipeline->find("post_processor")) {
    special.bos = leading_token(*processor, tokenizer);
    special.adds_bos = special.bos.has_value();
  }
  if (!special.bos) special.bos = named_token(config, "bos_token", tokenizer);
  special.eos = named_token(config, "eos_token", tokenizer);
  for (const ModelFile* file : {&generation, &model}) {
    const auto bos = token_ids(**file, "bos_token_id");
    if (!special.bos && !bos.empty()) special.bos = bos.front();
    const auto eos = token_ids(**file, "eos_token_id");
    if (!special.eos && !eos.empty()) special.eos = eos.front();
    if (special.stops.empty()) special.stops = eos;
  }
  if (const auto penalty = generation->find("repetition_penalty")) {
    const bool is_number = penalty->value().is_number();
    special.repetition_penalty = is_number ? penalty->value().get<double>() : 0;
    if (!(special.repetition_penalty > 0)) penalty->fail("expected a number above 0");
  }
  special.unread_generation_keys = unread_generation_keys(*generation);
  special.sampling_keys = sampling_keys(*generation);
  if (special.eos && std::count(special.stops.begin(), special.stops.end(), *special.eos) == 0) {
    special.stops.insert(special.stops.begin(), *special.eos);
  }
  return special;
}

}  // namespace incipit::data
