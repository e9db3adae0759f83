// Schema of a configuration: its keys, bound to the fields of plain structs.
//
//   Block root;
//   Block& train = root.block("train", "how the prompt is trained");
//   train.field("steps", options.steps, "optimizer steps", {.min = 1});
//   train.choice("loss", options.loss, kLossNames, "what is minimised");
//
// This one declaration serves the strict reader (yaml_reader.h), the writer of resolved
// configurations and the reference of all keys (schema_text.h). A block refers to the structs it is
// bound to: they must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "configs/yaml_value.h"

namespace incipit::configs {

// Range of a number. Bounds are inclusive unless marked open.
struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool open_min = false;
  bool open_max = false;
  [[nodiscard]] bool contains(double value) const;
  [[nodiscard]] std::string text() const;  // ">= 1", "> 0 and < 1", ""
};

// A key with a value.
struct Field {
  std::string key;
  std::string type;     // human-readable: "integer >= 1", "adamw, adafactor or sgd"
  std::string meaning;  // one line
  bool required = false;
  // Stores the value in the target. When it does not fit, adds to `problems` and leaves the target
  // unchanged. `path` names the key in messages ("train.steps").
  std::function<void(const YamlValue& value, const std::string& path, Problems& problems)> read;
  // Returns the current value; kNull when there is none to write.
  std::function<YamlValue()> write;
};

// Words for the values of an enumeration.
template <typename E>
using Names = std::vector<std::pair<std::string, E>>;

class Block {
 public:
  using Texts = std::vector<std::string>;
  using Mapping = std::vector<std::pair<std::string, std::string>>;  // in the order written

  // Adds a nested block of keys.
  Block& block(std::string key, std::string meaning);

  Field& field(std::string key, bool& target, std::string meaning);
  Field& field(std::string key, int& target, std::string meaning, Range range = {});
  Field& field(std::string key, std::int64_t& target, std::string meaning, Range range = {});
  Field& field(std::string key, std::uint64_t& target, std::string meaning, Range range = {});
  Field& field(std::string key, double& target, std::string meaning, Range range = {});
  Field& field(std::string key, std::string& target, std::string meaning);
  Field& field(std::string key, std::optional<std::string>& target, std::string meaning);
  Field& field(std::string key, Texts& target, std::string meaning);
  Field& field(std::string key, Mapping& target, std::string meaning);

  // Adds a text key whose value may look like a number, such as a file or a fraction, a word or a
  // bound.
  Field& loose_text(std::string key, std::string& target, std::string type, std::string meaning);

  // Adds a key that takes an integer, or a word that stands for one.
  Field& integer_or(std::string key, int& target, const Names<int>& words, std::string meaning,
                    Range range = {});

  template <typename E>
  Field& choice(std::string key, E& target, Names<E> names, std::string meaning);

  // Adds any other key. `Field::type` is shown in the documentation.
  Field& custom(Field field);

  struct Child {
    std::string key;
    std::string meaning;
    std::unique_ptr<Block> block;
  };
  using Entry = std::variant<Field, Child>;
  [[nodiscard]] const std::list<Entry>& entries() const { return entries_; }
  [[nodiscard]] std::vector<std::string> keys() const;

 private:
  Field& choice_of(std::string key, std::vector<std::string> words, std::string meaning,
                   std::function<void(std::size_t)> set, std::function<std::size_t()> get);

  std::list<Entry> entries_;  // a list: references to fields stay valid
};

template <typename E>
Field& Block::choice(std::string key, E& target, Names<E> names, std::string meaning) {
  std::vector<std::string> words;
  std::vector<E> values;
  for (auto& [word, value] : names) {
    words.push_back(word);
    values.push_back(value);
  }
  return choice_of(
      std::move(key), std::move(words), std::move(meaning),
      [&target, values](std::size_t index) { target = values[index]; },
      [&target, values] {
        std::size_t index = 0;
        while (values[index] != target) ++index;
        return index;
      });
}

// Reads one scalar into `target`. Returns the problem, or "".
[[nodiscard]] std::string read_scalar(const YamlValue& value, bool& target);
[[nodiscard]] std::string read_scalar(const YamlValue& value, std::int64_t& target,
                                      const Range& range = {});
[[nodiscard]] std::string read_scalar(const YamlValue& value, std::uint64_t& target,
                                      const Range& range = {});
[[nodiscard]] std::string read_scalar(const YamlValue& value, double& target,
                                      const Range& range = {});
[[nodiscard]] std::string read_scalar(const YamlValue& value, std::string& target);

// Returns the shortest text that reads back to the same number.
[[nodiscard]] std::string number_text(double value);

}  // namespace incipit::configs
