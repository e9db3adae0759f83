// A JSON object whose getters name file and key in their messages. For files from users: model
// configurations, shard indexes, adapter configurations.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace incipit::model {

// A JSON object and its origin. A key whose value is null counts as absent. Every getter throws
// DataError (file, key, found, expected).
class JsonObject {
 public:
  // Reads a file that contains one object.
  [[nodiscard]] static JsonObject read(const std::filesystem::path& file);
  // `where` is the prefix of keys in messages: "rope_scaling.".
  JsonObject(std::filesystem::path file, nlohmann::json value, std::string where = "");

  [[nodiscard]] bool has(const std::string& key) const;
  // Returns an integer in [least, most].
  [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t least = 0,
                                     std::int64_t most = std::numeric_limits<int>::max()) const;
  [[nodiscard]] double number(const std::string& key) const;
  [[nodiscard]] bool boolean(const std::string& key) const;
  [[nodiscard]] std::string text(const std::string& key) const;
  [[nodiscard]] JsonObject object(const std::string& key) const;

  // The same, but return `fallback` if the key is absent.
  [[nodiscard]] double number_or(const std::string& key, double fallback) const;
  [[nodiscard]] bool boolean_or(const std::string& key, bool fallback) const;
  [[nodiscard]] std::string text_or(const std::string& key, const std::string& fallback) const;

  [[nodiscard]] const nlohmann::json& value() const { return value_; }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;

 private:
  [[nodiscard]] const nlohmann::json& required(const std::string& key) const;
  [[noreturn]] void wrong_type(const std::string& key, const std::string& expected) const;

  std::filesystem::path file_;
  nlohmann::json value_;
  std::string where_;
};

}  // namespace incipit::model
