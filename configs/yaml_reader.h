// Reads YAML into the structs behind a schema, strictly: unknown and duplicate keys, wrong
// types and values out of range are mistakes, all of them are found, and each is reported
// with file:line:column and the nearest valid key.
//
//   YamlReader reader(root);
//   reader.apply(reader.parse_file("rte.yaml"));
//   reader.apply(reader.parse_override("train.steps=50"));
//   reader.finish();   // throws one ConfigError that lists all mistakes
//
// Only `true` and `false` are booleans; integers are plain decimal (010 and 0x8 are
// refused); text that looks like a number or a boolean needs quotes; nothing is null.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "configs/problems.h"
#include "configs/schema.h"
#include "configs/yaml_value.h"

namespace incipit::configs {

class YamlReader {
 public:
  // `root` must outlive the reader.
  explicit YamlReader(const Block& root) : root_(root) {}

  // Parses a document without applying it. Throws ConfigError when the file cannot be read,
  // and on a syntax error, which hides all that follows.
  [[nodiscard]] YamlValue parse_file(const std::filesystem::path& path);
  [[nodiscard]] YamlValue parse_text(std::string_view text, const std::string& source);
  // "train.steps=50": a document that holds this one value. What stands behind the first
  // '=' is YAML, under the same rules. "task.verbalizer.yes= Oui" replaces one entry of a
  // mapping, "task.verbalizer={...}" the whole.
  [[nodiscard]] YamlValue parse_override(const std::string& assignment);

  // Takes over the values of a document, over those of documents applied before. With
  // `under` ("task") the document's keys are those of that block.
  void apply(const YamlValue& document, const std::string& under = "");

  // Adds a mistake at the place where `path` ("train.steps") was given last; where it was
  // not given, at its block.
  void report(const std::string& path, const std::string& message);
  [[nodiscard]] Problems& problems() { return problems_; }
  [[nodiscard]] bool was_given(const std::string& path) const { return origins_.contains(path); }

  // Reports missing required keys, then throws a ConfigError when anything was wrong.
  void finish();

 private:
  void apply_block(const Block& block, const YamlValue& map, const std::string& path);
  void report_unknown(const Block& block, const YamlPair& pair, const std::string& path);
  void check_required(const Block& block, const std::string& path);

  const Block& root_;
  Problems problems_;
  std::map<std::string, Location> origins_;  // by path; "" for the first document
};

}  // namespace incipit::configs
