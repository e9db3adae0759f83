// Where predictions go, and how far they have come.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launcher/predict/output.h"
#include "metrics/progress.h"

namespace incipit::launcher {

// Of records; shown while there are more to come than a terminal shows anyway.
class PredictionProgress {
 public:
  // Nothing: nothing is shown.
  explicit PredictionProgress(std::optional<std::int64_t> records);
  void add(std::size_t records);
  void finish();

 private:
  std::unique_ptr<metrics::Progress> bar_;
  std::int64_t done_ = 0;
};

// Standard output ("-"), or a file that has its name only when it is whole. On rank 0.
class PredictionFile {
 public:
  // `format`: jsonl or csv; "": by the ending, columns for people on a terminal. Throws DataError
  // when it cannot be opened, ConfigError as make_prediction_writer().
  PredictionFile(std::filesystem::path path, const std::string& format,
                 const PredictionLayout& layout);

  // Throws DataError when it cannot be written; finish(), too.
  void write(const std::vector<Prediction>& predictions);
  void finish();

  // mpirun gives rank 0 a terminal of its own, whatever stands behind it.
  [[nodiscard]] static bool is_terminal(const std::filesystem::path& path);

 private:
  [[nodiscard]] std::ostream& stream();
  void check();

  std::filesystem::path path_;
  std::filesystem::path part_;
  std::ofstream file_;
  std::unique_ptr<PredictionWriter> writer_;
};

}  // namespace incipit::launcher
