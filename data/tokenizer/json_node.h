// A JSON value that knows its file and path, so that every error names the file and the key.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::data {

class JsonNode {
 public:
  // Keeps a reference to `root`, which must outlive every node derived from this one.
  JsonNode(const nlohmann::json& root, std::string file);

  [[nodiscard]] const nlohmann::json& value() const { return *value_; }
  [[nodiscard]] const std::string& file() const { return file_; }

  // The value of a key. If the key is missing or null, `find` returns nothing and `at` throws.
  [[nodiscard]] std::optional<JsonNode> find(std::string_view key) const;
  [[nodiscard]] JsonNode at(std::string_view key) const;
  // Returns the elements of an array.
  [[nodiscard]] std::vector<JsonNode> items() const;

  [[nodiscard]] std::string string() const;
  [[nodiscard]] std::int64_t integer() const;
  [[nodiscard]] bool boolean(std::string_view key, bool fallback) const;  // the value of a key

  // Throws DataError "FILE: KEY: message".
  [[noreturn]] void fail(std::string_view message) const;

 private:
  JsonNode(const nlohmann::json& value, std::string file, std::string path);

  const nlohmann::json* value_;
  std::string file_;
  std::string path_;  // "pre_tokenizer.pretokenizers[0]"
};

}  // namespace incipit::data
