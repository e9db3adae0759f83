// The YAML files built into the program: task files, recipes and lists of prompt templates
// (configs/tasks, configs/recipes, configs/templates).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::configs {

struct BuiltinFile {
  std::string_view name;  // "rte": the file name without its extension
  std::string_view text;
  // Returns the text of the first comment line, which says what the file is for.
  [[nodiscard]] std::string description() const;
};

// Sorted by name.
[[nodiscard]] std::span<const BuiltinFile> builtin_tasks();
[[nodiscard]] std::span<const BuiltinFile> builtin_recipes();
[[nodiscard]] std::span<const BuiltinFile> builtin_templates();

[[nodiscard]] const BuiltinFile* find_file(std::span<const BuiltinFile> files,
                                           std::string_view name);
[[nodiscard]] std::vector<std::string> names(std::span<const BuiltinFile> files);

}  // namespace incipit::configs
