// The archive in which answers to all tasks of SuperGLUE are handed in.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace incipit::launcher {

// The names of the benchmark's ten files.
[[nodiscard]] const std::vector<std::string>& submission_files();

// Puts those of them that stand in `folder` into folder/submission.zip, which is replaced as a
// whole; its bytes depend on these files alone. Returns the names of those that are missing; when
// all are, there is nothing to write. Throws DataError naming what cannot be read or written.
std::vector<std::string> write_submission_archive(const std::filesystem::path& folder);

}  // namespace incipit::launcher
