#include "data/tokenizer/reader.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_set>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/sha256.h"
#include "data/tokenizer/other_added_tokens.h"

namespace incipit::data {
namespace {

// Merges are pairs of strings or, in older files, strings with one space.
std::vector<std::pair<std::string, std::string>> read_merges(const JsonNode& node) {
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(node.value().size());
  if (!node.value().is_array()) node.fail("expected an array");
  for (const nlohmann::json& item : node.value()) {
    if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      merges.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
      continue;
    }
    const std::string text = item.is_string() ? item.get<std::string>() : "";
    if (text.starts_with("#version")) continue;
    const std::size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      node.fail("merge " + std::to_string(merges.size()) + " is " + dump_json(item) +
                "; expected two tokens, as [\"a\", \"b\"] or \"a b\"");
    }
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return merges;
}

std::vector<std::pair<std::string, TokenId>> read_vocab(const JsonNode& node) {
  if (!node.value().is_object()) node.fail("expected an object of tokens and their ids");
  std::vector<std::pair<std::string, TokenId>> vocab;
  vocab.reserve(node.value().size());
  std::unordered_set<std::int64_t> seen;
  // Ids may have gaps, but not so large that they can only be a mistake.
  const auto limit = static_cast<std::int64_t>(8 * node.value().size() + 1'000'000);
  for (const auto& [token, id] : node.value().items()) {
    const bool usable =
        id.is_number_integer() && id.get<std::int64_t>() >= 0 && id.get<std::int64_t>() < limit;
    if (!usable) {
      node.fail("the token '" + token + "' has the id " + dump_json(id) +
                "; expected an integer from 0 to " + std::to_string(limit - 1));
    }
    if (!seen.insert(id.get<std::int64_t>()).second) {
      node.fail("two tokens have the id " + dump_json(id) + ", one of them '" + token + "'");
    }
    vocab.emplace_back(token, id.get<TokenId>());
  }
  return vocab;
}

void refuse_unless_empty(const JsonNode& model, std::string_view key) {
  const auto node = model.find(key);
  if (node && !node->string().empty()) node->fail("'" + node->string() + "' is not supported");
}

Bpe read_model(const JsonNode& model, Bpe::Input input) {
  const auto type = model.find("type");  // old files do not say BPE
  const std::string name = type ? type->string() : model.find("merges") ? "BPE" : "unnamed";
  if (name != "BPE") {
    (type ? *type : model).fail("the model '" + name + "' is not supported (BPE is)");
  }
  const auto dropout = model.find("dropout");
  if (dropout && dropout->value() != 0.0) {
    dropout->fail("dropout is not supported: ids would be random; set it to null");
  }
  refuse_unless_empty(model, "continuing_subword_prefix");
  refuse_unless_empty(model, "end_of_word_suffix");
  BpeConfig config;
  config.vocab = read_vocab(model.at("vocab"));
  config.merges = read_merges(model.at("merges"));
  if (const auto unknown = model.find("unk_token")) config.unk_token = unknown->string();
  config.byte_fallback = model.boolean("byte_fallback", false);
  config.fuse_unk = model.boolean("fuse_unk", false);
  config.ignore_merges = model.boolean("ignore_merges", false);
  try {
    return Bpe(std::move(config), input);
  } catch (const std::invalid_argument& error) {
    model.at("merges").fail(error.what());
  }
}

// Appends to the added tokens of a tokenizer.json. Returns the fingerprint of the result.
std::string with_added_tokens(nlohmann::json& tokenizer, const nlohmann::json& others,
                              const std::string& fingerprint) {
  nlohmann::json& added = tokenizer["added_tokens"];
  if (added.is_null()) added = nlohmann::json::array();
  if (added.is_array()) added.insert(added.end(), others.begin(), others.end());
  const std::string all = fingerprint + dump_json(others);
  return sha256_hex(std::as_bytes(std::span(all)));
}

}  // namespace

std::filesystem::path find_tokenizer_json(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (!fs::exists(path)) {
    throw DataError(path.string() +
                    ": no such file or folder; expected a model folder or its "
                    "tokenizer.json");
  }
  fs::path folder = path;
  if (!fs::is_directory(path)) {
    const std::string name = path.filename().string();
    if (!name.ends_with(".model") && !name.ends_with(".tiktoken")) return path;
    folder = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  }
  if (fs::exists(folder / "tokenizer.json")) return folder / "tokenizer.json";
  for (const char* other : {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"}) {
    if (!fs::exists(folder / other)) continue;
    const std::string where = fs::absolute(folder).lexically_normal().string();
    throw DataError((folder / other).string() +
                    ": only tokenizer.json is read; convert it once with: python -c \"from "
                    "transformers import AutoTokenizer; AutoTokenizer.from_pretrained('" +
                    where + "').save_pretrained('" + where + "')\"");
  }
  throw DataError(folder.string() + ": there is no tokenizer.json in this folder");
}

TokenizerParts read_tokenizer_json(const std::filesystem::path& path,
                                   const std::filesystem::path& model_dir) {
  const MappedFile file(path);
  auto json = parse_json_of<nlohmann::json>(path, file.text());
  std::string fingerprint = sha256_hex(file.bytes());
  if (!model_dir.empty() && json.is_object()) {
    const nlohmann::json others = other_added_tokens(model_dir, json);
    if (!others.empty()) fingerprint = with_added_tokens(json, others, fingerprint);
  }
  const JsonNode root(json, path.string());
  const auto version = root.find("version");
  if (version && version->string() != "1.0") {
    version->fail("expected \"1.0\", found \"" + version->string() + "\"");
  }
  Normalizers normalizers;
  if (const auto node = root.find("normalizer")) normalizers = read_normalizers(*node);
  PreTokenizers pre_tokenizers;
  if (const auto node = root.find("pre_tokenizer")) pre_tokenizers = read_pre_tokenizers(*node);
  Bpe model = read_model(root.at("model"),
                         pre_tokenizers.byte_level ? Bpe::Input::kBytes : Bpe::Input::kText);
  AddedTokens added;
  if (const auto node = root.find("added_tokens")) added = AddedTokens(*node, model, normalizers);
  Decoder decoder;
  if (const auto node = root.find("decoder")) decoder = Decoder(*node);
  return {std::move(normalizers), std::move(pre_tokenizers), std::move(model),
          std::move(added),       std::move(decoder),        std::move(fingerprint)};
}

}  // namespace incipit::data
