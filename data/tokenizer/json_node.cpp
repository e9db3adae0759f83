#include "data/tokenizer/json_node.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace incipit::data {

JsonNode::JsonNode(const nlohmann::json& root, std::string file)
    : JsonNode(root, std::move(file), "") {}

JsonNode::JsonNode(const nlohmann::json& value, std::string file, std::string path)
    : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

void JsonNode::fail(std::string_view message) const {
  throw DataError(file_ + ": " + (path_.empty() ? "" : path_ + ": ") + std::string(message));
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  if (!value_->is_object()) fail(std::string("expected an object, found ") + value_->type_name());
  const auto found = value_->find(std::string(key));
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return JsonNode(*found, file_, path_.empty() ? std::string(key) : path_ + "." + std::string(key));
}

JsonNode JsonNode::at(std::string_view key) const {
  auto found = find(key);
  if (!found) fail("the key '" + std::string(key) + "' is missing");
  return *std::move(found);
}

std::vector<JsonNode> JsonNode::items() const {
  if (!value_->is_array()) fail(std::string("expected an array, found ") + value_->type_name());
  std::vector<JsonNode> nodes;
  nodes.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) {
    nodes.push_back(JsonNode((*value_)[i], file_, path_ + "[" + std::to_string(i) + "]"));
  }
  return nodes;
}

std::string JsonNode::string() const {
  if (!value_->is_string()) fail(std::string("expected a string, found ") + value_->type_name());
  return value_->get<std::string>();
}

std::int64_t JsonNode::integer() const {
  if (!value_->is_number_integer()) {
    fail(std::string("expected an integer, found ") + value_->type_name());
  }
  return value_->get<std::int64_t>();
}

bool JsonNode::boolean(std::string_view key, bool fallback) const {
  const auto node = find(key);
  if (!node) return fallback;
  if (!node->value().is_boolean()) {
    node->fail(std::string("expected true or false, found ") + node->value().type_name());
  }
  return node->value().get<bool>();
}

}  // namespace incipit::data
