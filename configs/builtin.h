// The YAML files that are built into the program: task files, recipes and lists of wordings
// (configs/tasks, configs/recipes, configs/wordings).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::configs {

struct BuiltinFile {
  std::string_view name;  // "rte": the file's name without its ending
  std::string_view text;
  // The first line of comment: what the file is for.
  [[nodiscard]] std::string description() const;
};

// By name.
[[nodiscard]] std::span<const BuiltinFile> builtin_tasks();
[[nodiscard]] std::span<const BuiltinFile> builtin_recipes();
[[nodiscard]] std::span<const BuiltinFile> builtin_wordings();

[[nodiscard]] const BuiltinFile* find_file(std::span<const BuiltinFile> files,
                                           std::string_view name);
[[nodiscard]] std::vector<std::string> names(std::span<const BuiltinFile> files);

}  // namespace incipit::configs
