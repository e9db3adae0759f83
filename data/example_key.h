// A key of everything that the examples of a file depend on.
#pragma once

#include <filesystem>
#include <string>

#include "data/task.h"

namespace incipit::data {

// How a file is read: the arguments of read_dataset().
struct ReadAs {
  bool labelled = true;
  bool training = true;
};

// Returns the SHA-256 (hex) of everything that determines the examples of `path`: the file (its
// real path, inode number, size and times of change), the relevant options, tokenizer, special
// tokens, chat format, model positions and this program. Throws DataError when the file cannot be
// inspected.
[[nodiscard]] std::string example_key(const Task& task, const std::filesystem::path& path,
                                      const ReadAs& as);

// Returns the SHA-256 (hex) of the special tokens and the chat format.
[[nodiscard]] std::string text_format_key(const TaskModel& model);

}  // namespace incipit::data
