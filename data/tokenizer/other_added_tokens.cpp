#include "data/tokenizer/other_added_tokens.h"

#include <array>
#include <charconv>
#include <map>
#include <set>
#include <string_view>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace incipit::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::array kNamedTokens{"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};
constexpr std::array kMoreTokens{"additional_special_tokens", "extra_special_tokens"};
constexpr const char* kDecoder = "added_tokens_decoder";

std::int64_t id_of(const JsonNode& decoder, const std::string& key) {
  std::int64_t id = -1;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
  if (error != std::errc() || end != key.data() + key.size() || id < 0) {
    decoder.fail("expected token ids as keys, found '" + key + "'");
  }
  return id;
}

json special_token(const std::string& content) {
  return {{"content", content}, {"normalized", false}, {"special", true}};
}

// Collects tokens that are not yet known, each once.
class NewTokens {
 public:
  explicit NewTokens(const json& tokenizer) {
    const auto added = tokenizer.find("added_tokens");
    if (added == tokenizer.end() || !added->is_array()) return;
    for (const json& token : *added) {
      if (token.is_object() && token.contains("content") && token["content"].is_string()) {
        known_.insert(token["content"].get<std::string>());
      }
    }
  }
  void add(const std::string& content, json token) {
    if (!content.empty() && known_.insert(content).second) tokens_.push_back(std::move(token));
  }
  void add_special(const JsonNode& token) {
    const std::string content = token_content(token);
    json added = token.value().is_object() ? token.value() : special_token(content);
    added["special"] = true;
    add(content, std::move(added));
  }
  [[nodiscard]] json take() { return std::move(tokens_); }

 private:
  std::set<std::string> known_;
  json tokens_ = json::array();
};

void add_listed(const JsonNode& config, NewTokens& tokens) {
  const auto decoder = config.find(kDecoder);
  if (!decoder) return;
  if (!decoder->value().is_object()) decoder->fail("expected an object");
  std::map<std::int64_t, std::string> keys;
  for (const auto& [key, value] : decoder->value().items()) keys[id_of(*decoder, key)] = key;
  for (const auto& [id, key] : keys) {
    const JsonNode node = decoder->at(key);
    json token = node.value();
    const std::string content = token_content(node);
    if (!token.is_object()) node.fail("expected an object");
    token["id"] = id;
    tokens.add(content, std::move(token));
  }
}

// {"<token>": id, ...}: files of transformers before 4.34.
void add_legacy(const fs::path& path, NewTokens& tokens, const std::set<std::string>& special) {
  const json file = read_json_object(path);
  std::map<std::int64_t, std::string> by_id;
  for (const auto& [content, id] : file.items()) {
    if (!id.is_number_integer()) throw DataError(path.string() + ": expected ids of tokens");
    by_id[id.get<std::int64_t>()] = content;
  }
  for (const auto& [id, content] : by_id) {
    const bool is_special = special.contains(content);
    tokens.add(
        content,
        {{"content", content}, {"normalized", !is_special}, {"special", is_special}, {"id", id}});
  }
}

bool is_model_specific(std::string_view key, const json& value) {
  for (const char* named : kNamedTokens) {
    if (key == named) return false;
  }
  return key.ends_with("_token") && value.is_string();
}

// Passes every special token that the configuration names to `take`.
template <typename Take>
void for_each_special(const JsonNode& config, const Take& take) {
  for (const char* key : kNamedTokens) {
    if (const auto node = config.find(key)) take(*node);
  }
  for (const auto& [key, value] : config.value().items()) {
    if (is_model_specific(key, value)) take(config.at(key));
  }
  for (const char* key : kMoreTokens) {
    const auto node = config.find(key);
    if (!node) continue;
    if (node->value().is_array()) {
      for (const JsonNode& token : node->items()) take(token);
    } else if (node->value().is_object()) {
      for (const auto& [name, value] : node->value().items()) take(node->at(name));
    }
  }
}

// Replaces an object of names and tokens by the list of the tokens. New tokens get their ids in the
// order of the file, which json does not keep.
void list_extra_tokens(const fs::path& path, json& config) {
  constexpr const char* kExtra = "extra_special_tokens";
  const auto extra = config.find(kExtra);
  if (extra == config.end() || !extra->is_object()) return;
  json list = json::array();
  const auto ordered = parse_json_of<nlohmann::ordered_json>(path, read_text(path));
  for (const auto& [name, token] : ordered[kExtra].items()) list.push_back(extra->at(name));
  *extra = std::move(list);
}

// GPT-2's class puts a space before every text if this key says so, whatever tokenizer.json says.
void refuse_prefix_space(const JsonNode& config, const json& tokenizer) {
  const auto adds = config.find("add_prefix_space");
  const auto name = config.find("tokenizer_class");
  if (!adds || adds->value() != true || !name || !name->value().is_string()) return;
  if (!name->string().starts_with("GPT2Tokenizer")) return;
  const json::json_pointer place("/pre_tokenizer/add_prefix_space");
  if (tokenizer.contains(place) && tokenizer[place] == true) return;
  adds->fail("differs from pre_tokenizer.add_prefix_space in tokenizer.json; make both the same");
}

}  // namespace

std::string token_content(const JsonNode& token) {
  return token.value().is_object() ? token.at("content").string() : token.string();
}

json read_json_object(const fs::path& path) {
  if (!fs::exists(path)) return nullptr;
  json value = parse_json_of<json>(path, read_text(path));
  if (!value.is_object()) throw DataError(path.string() + ": expected a JSON object");
  return value;
}

json read_tokenizer_config(const fs::path& model_dir) {
  const fs::path path = model_dir / "tokenizer_config.json";
  json config = read_json_object(path);
  if (config.is_null()) config = json::object();
  list_extra_tokens(path, config);
  if (config.contains(kDecoder)) return config;
  const json map = read_json_object(model_dir / "special_tokens_map.json");
  if (!map.is_null()) config.update(map);
  return config;
}

json other_added_tokens(const fs::path& model_dir, const json& tokenizer) {
  const json config = read_tokenizer_config(model_dir);
  const JsonNode node(config, (model_dir / "tokenizer_config.json").string());
  if (const auto splits = node.find("split_special_tokens"); splits && splits->value() == true) {
    node.fail(
        "split_special_tokens: texts in which special tokens are plain text are not supported");
  }
  refuse_prefix_space(node, tokenizer);
  NewTokens tokens(tokenizer);
  add_listed(node, tokens);
  const fs::path legacy = model_dir / "added_tokens.json";
  if (!config.contains(kDecoder) && fs::exists(legacy)) {
    std::set<std::string> special;
    for_each_special(node, [&](const JsonNode& token) { special.insert(token_content(token)); });
    add_legacy(legacy, tokens, special);
  }
  for_each_special(node, [&](const JsonNode& token) { tokens.add_special(token); });
  return tokens.take();
}

}  // namespace incipit::data
