// The file in which a command notes what it has done, so that it continues there when it was
// stopped.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "telemetry/append_file.h"

namespace incipit::launcher {

// A file with one JSON object a line, of which the first says what the journal is of. Rank 0 reads
// and writes it. A last line that is not complete is dropped.
class JournalFile {
 public:
  struct Of {  // first line: {KIND: IDENTITY}
    std::string kind;
    std::string identity;  // needed on rank 0 only
  };

  // Returns whether `file` is the journal of `of`.
  [[nodiscard]] static bool is_of(const std::filesystem::path& file, const Of& of);

  // Opens the journal of `of`, or starts one in place of any other. Throws DataError naming the
  // file. Collective over `world`.
  JournalFile(const std::filesystem::path& file, const Of& of, comm::Communicator& world);

  // The lines that were read, without the first; the same on every rank.
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  // Rank 0 appends a line; other ranks do nothing. Throws DataError naming the file.
  void append(const std::string& line);

 private:
  std::vector<std::string> lines_;
  std::optional<telemetry::AppendFile> file_;  // rank 0 only
};

}  // namespace incipit::launcher
