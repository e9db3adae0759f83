// The keys of a configuration, which structs of options declare themselves. A folder declares the
// keys of its options in its *_options.h:
//
//   struct PlotOptions {
//     int width = 80;
//     Style style = Style::kLines;
//     AxisOptions axis;
//   };
//   void declare(Schema& schema, PlotOptions& options) {
//     schema.field("width", options.width, "columns of the terminal", {.min = 1});
//     schema.choice("style", options.style, {{"lines", Style::kLines}, {"dots", Style::kDots}},
//                   "how points are drawn");
//     schema.block("axis", options.axis, "the axis");  // declare(Schema&, AxisOptions&)
//   }
//
// The current value of a member is the key's default. The same declaration serves the reader and
// the writer of configurations and the reference of all keys (configs/). A schema refers to the
// structs that it was declared for: they must outlive it.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/given_value.h"

namespace incipit {

class Schema {
 public:
  // A key with a value.
  struct Field {
    std::string key;
    std::string type;     // human-readable: "integer >= 1", "adamw, adafactor or sgd"
    std::string meaning;  // one line
    bool required = false;
    // Stores the value in the target. When it does not fit, adds a problem and leaves the target
    // unchanged.
    std::function<void(const GivenValue& given)> read;
    // Returns the current value; kNull when there is none to write.
    std::function<ConfigValue()> write;
  };
  // A key whose value is a block of keys.
  struct Block {
    std::string key;
    std::string meaning;
    std::unique_ptr<Schema> schema;
  };
  using Entry = std::variant<Field, Block>;

  using Texts = std::vector<std::string>;
  using Mapping = std::vector<std::pair<std::string, std::string>>;  // in the order written
  // Words for the values of an enumeration.
  template <typename E>
  using Names = std::vector<std::pair<std::string, E>>;

  // Adds a block and returns its schema, or lets `options` declare it.
  Schema& block(std::string key, std::string meaning);
  template <typename Options>
  void block(std::string key, Options& options, std::string meaning) {
    declare(block(std::move(key), std::move(meaning)), options);
  }

  Field& field(std::string key, bool& target, std::string meaning);
  Field& field(std::string key, int& target, std::string meaning, Bounds bounds = {});
  Field& field(std::string key, std::int64_t& target, std::string meaning, Bounds bounds = {});
  Field& field(std::string key, std::uint64_t& target, std::string meaning, Bounds bounds = {});
  Field& field(std::string key, double& target, std::string meaning, Bounds bounds = {});
  Field& field(std::string key, std::string& target, std::string meaning);
  Field& field(std::string key, std::optional<std::string>& target, std::string meaning);
  Field& field(std::string key, Texts& target, std::string meaning);
  Field& field(std::string key, Mapping& target, std::string meaning) {
    return mapping(std::move(key), target, {}, std::move(meaning));
  }

  // How a mapping is described and overridden.
  struct MappingForm {
    std::string type = "text by key";
    std::string expected = "a block of keys";  // for messages
    // A dotted override ("task.verbalizer.yes= Oui") replaces one entry and keeps the others. If
    // false, it replaces the whole mapping.
    bool keeps_others = true;
  };
  // Adds a key whose value maps any names to texts. `Pair` consists of two strings, name and text.
  template <typename Pair>
  Field& mapping(std::string key, std::vector<Pair>& target, MappingForm form, std::string meaning);

  // Adds a text key whose value may look like a number, such as a file or a fraction, a word or a
  // bound.
  Field& loose_text(std::string key, std::string& target, std::string type, std::string meaning);

  // Adds a key that takes an integer, or a word that stands for one.
  Field& integer_or(std::string key, int& target, const Names<int>& words, std::string meaning,
                    Bounds bounds = {});

  // Adds a key that takes one of a list of words.
  template <typename E>
  Field& choice(std::string key, E& target, Names<E> names, std::string meaning);
  Field& word(std::string key, std::string& target, const Texts& words, std::string meaning);

  // Adds any other key.
  Field& custom(Field field);

  // In the order of declaration; keys are unique.
  [[nodiscard]] const std::list<Entry>& entries() const { return entries_; }
  [[nodiscard]] std::vector<std::string> keys() const;
  // Returns the entry of a key, or null.
  [[nodiscard]] const Entry* find(std::string_view key) const;

 private:
  // Throws LogicError when the key is declared already.
  Entry& add(Entry entry);
  Field& mapping_of(std::string key, MappingForm form, std::string meaning,
                    std::function<Mapping()> get, std::function<void(const Mapping&)> set);
  Field& choice_of(std::string key, Texts words, std::string meaning,
                   std::function<std::size_t()> get, std::function<void(std::size_t)> set);

  std::list<Entry> entries_;  // a list: references to fields stay valid
};

template <typename Pair>
Schema::Field& Schema::mapping(std::string key, std::vector<Pair>& target, MappingForm form,
                               std::string meaning) {
  return mapping_of(
      std::move(key), std::move(form), std::move(meaning),
      [&target] {
        Mapping mapping;
        for (const auto& [name, text] : target) mapping.emplace_back(name, text);
        return mapping;
      },
      [&target](const Mapping& mapping) {
        target.clear();
        for (const auto& [name, text] : mapping) target.push_back(Pair{name, text});
      });
}

template <typename E>
Schema::Field& Schema::choice(std::string key, E& target, Names<E> names, std::string meaning) {
  Texts words;
  for (const auto& [word, value] : names) words.push_back(word);
  return choice_of(
      std::move(key), std::move(words), std::move(meaning),
      [&target, names] {
        std::size_t index = 0;
        while (names[index].second != target) ++index;
        return index;
      },
      [&target, names](std::size_t index) { target = names[index].second; });
}

}  // namespace incipit
