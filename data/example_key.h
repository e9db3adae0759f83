// What the examples of a file depend on, as one key.
#pragma once

#include <filesystem>
#include <string>

#include "data/task.h"

namespace incipit::data {

// How a file is read: as read_dataset() is told.
struct ReadAs {
  bool labelled = true;
  bool training = true;
};

// SHA-256 (hex) of all that decides what the examples of `path` become: the file (its real path,
// number, size and times of change), the options that matter, tokenizer, special tokens, chat format
// and this program. Throws DataError when the file cannot be looked at.
[[nodiscard]] std::string example_key(const Task& task, const std::filesystem::path& path,
                                      const ReadAs& as);

}  // namespace incipit::data
