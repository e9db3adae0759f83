#include "model/json_file.h"

#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace incipit::model {
namespace {

constexpr std::size_t kShownCharacters = 80;  // of an invalid value, in a message

}  // namespace

JsonObject JsonObject::read(const std::filesystem::path& file) {
  return JsonObject(file, parse_json_of<nlohmann::json>(file, MappedFile(file).text()));
}

JsonObject::JsonObject(std::filesystem::path file, nlohmann::json value, std::string where)
    : file_(std::move(file)), value_(std::move(value)), where_(std::move(where)) {
  if (!value_.is_object()) {
    throw DataError(file_.string() + ": must hold a JSON object, holds " + value_.type_name());
  }
}

bool JsonObject::has(const std::string& key) const {
  const auto found = value_.find(key);
  return found != value_.end() && !found->is_null();
}

std::int64_t JsonObject::integer(const std::string& key, std::int64_t least,
                                 std::int64_t most) const {
  const nlohmann::json& value = required(key);
  const std::string expected =
      "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value.is_number_integer()) wrong_type(key, expected);
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(most)) {
    wrong_type(key, expected);
  }
  const auto number = value.get<std::int64_t>();
  if (number < least || number > most) wrong_type(key, expected);
  return number;
}

double JsonObject::number(const std::string& key) const {
  const nlohmann::json& value = required(key);
  if (!value.is_number()) wrong_type(key, "a number");
  return value.get<double>();
}

bool JsonObject::boolean(const std::string& key) const {
  const nlohmann::json& value = required(key);
  if (!value.is_boolean()) wrong_type(key, "true or false");
  return value.get<bool>();
}

std::string JsonObject::text(const std::string& key) const {
  const nlohmann::json& value = required(key);
  if (!value.is_string()) wrong_type(key, "a string");
  return value.get<std::string>();
}

JsonObject JsonObject::object(const std::string& key) const {
  const nlohmann::json& value = required(key);
  if (!value.is_object()) wrong_type(key, "an object");
  return JsonObject(file_, value, where_ + key + ".");
}

double JsonObject::number_or(const std::string& key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool JsonObject::boolean_or(const std::string& key, bool fallback) const {
  return has(key) ? boolean(key) : fallback;
}

std::string JsonObject::text_or(const std::string& key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

void JsonObject::fail(const std::string& key, const std::string& message) const {
  throw DataError(file_.string() + ": " + where_ + key + ": " + message);
}

const nlohmann::json& JsonObject::required(const std::string& key) const {
  if (!has(key)) fail(key, "is missing");
  return value_[key];
}

void JsonObject::wrong_type(const std::string& key, const std::string& expected) const {
  std::string found = dump_json(value_[key], -1, BadUtf8::kThrow, Letters::kAscii);
  if (found.size() > kShownCharacters) found = found.substr(0, kShownCharacters) + "...";
  fail(key, "must be " + expected + ", is " + found);
}

}  // namespace incipit::model
