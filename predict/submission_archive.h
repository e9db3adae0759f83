// The submission archive for all tasks of SuperGLUE.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace incipit::predict {

// Returns the names of the benchmark's ten files.
[[nodiscard]] const std::vector<std::string>& submission_files();

// Puts those of them that are in `folder` into folder/submission.zip, which is replaced atomically.
// The archive's bytes depend only on these files. Returns the names of missing files. When all are
// missing, writes nothing. Throws DataError naming what cannot be read or written.
std::vector<std::string> write_submission_archive(const std::filesystem::path& folder);

}  // namespace incipit::predict
