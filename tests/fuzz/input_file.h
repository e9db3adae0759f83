// The bytes of an input as a file, for readers that take a path.
#pragma once

#include <filesystem>
#include <string_view>

#include "tests/support/temporary_folder.h"

namespace incipit::fuzz {

// Writes the bytes to a file of this name in a folder of this process, and returns its path.
inline std::filesystem::path input_file(const std::filesystem::path& name, std::string_view bytes) {
  static const testing::TemporaryFolder folder;
  return folder.write(name, bytes);
}

}  // namespace incipit::fuzz
