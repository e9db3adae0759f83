// Strict YAML reader that fills the structs that a schema was declared for. Unknown and duplicate
// keys, wrong types and values out of range are mistakes. It finds all of them and reports each
// with file:line:column; an unknown key also with the nearest valid key.
//
//   YamlReader reader(root);
//   reader.apply(reader.parse_file("rte.yaml"));
//   reader.apply(reader.parse_override("train.steps=50"));
//   reader.finish();   // throws one ConfigError that lists all mistakes
//
// core/scalars.h says what is a boolean, a number and text. Null is not allowed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "core/problems.h"
#include "core/schema.h"

namespace incipit::configs {

// The most bytes of a file of YAML.
constexpr std::size_t kMaxYamlBytes = std::size_t{4} << 20;

class YamlReader {
 public:
  // `root` must outlive the reader.
  explicit YamlReader(const Schema& root) : root_(root) {}

  // Parses a document without applying it. Throws ConfigError when the file cannot be read, and on
  // a syntax error, which hides everything after it.
  [[nodiscard]] ConfigValue parse_file(const std::filesystem::path& path);
  [[nodiscard]] ConfigValue parse_text(std::string_view text, const std::string& source);
  // Parses an override such as "train.steps=50" into a document with this one value. The text after
  // the first '=' is YAML, under the same rules. "task.verbalizer.yes= Oui" replaces one entry of a
  // mapping, "task.verbalizer={...}" the whole mapping.
  [[nodiscard]] ConfigValue parse_override(const std::string& assignment);

  // Applies the values of a document over those of earlier ones. With `under` ("task"), the
  // document's keys are those of that block.
  void apply(const ConfigValue& document, const std::string& under = "");

  // Adds a mistake at the place where `path` ("train.steps") was last given, or at its block if it
  // was not given. Adds nothing if an unknown key has been reported that may be a misspelt `path`:
  // the mistake would be its consequence.
  void report(const std::string& path, const std::string& message);
  [[nodiscard]] Problems& problems() { return problems_; }
  [[nodiscard]] bool was_given(const std::string& path) const { return origins_.contains(path); }

  // Reports missing required keys, then throws one ConfigError if there are any problems.
  void finish();

 private:
  void apply_block(const Schema& block, const ConfigValue& map, const std::string& path);
  void report_unknown(const Schema& block, const ConfigPair& pair, const std::string& path);
  void check_required(const Schema& block, const std::string& path);
  [[nodiscard]] bool may_be_misspelt(const std::string& path) const;

  const Schema& root_;
  Problems problems_;
  std::map<std::string, Location> origins_;  // per path; "" for the first document
  std::set<std::string> suggested_;          // paths that reports of unknown keys name
};

}  // namespace incipit::configs
