// The output file of predictions, and a progress bar.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "predict/output.h"
#include "telemetry/progress.h"

namespace incipit::predict {

// A progress bar, counted in records.
class PredictionProgress {
 public:
  // `records`: the total; nullopt: nothing is shown.
  explicit PredictionProgress(std::optional<std::int64_t> records);
  void add(std::size_t records);
  void finish();

 private:
  std::unique_ptr<telemetry::Progress> bar_;
  std::int64_t done_ = 0;
};

// Standard output ("-"), or a file that gets its name only when it is complete. On rank 0.
class PredictionFile {
 public:
  // `format`: jsonl or csv; "": by the file extension, or columns for people on a terminal. Throws
  // DataError when the file cannot be opened, and ConfigError as make_prediction_writer() does.
  PredictionFile(std::filesystem::path path, const std::string& format,
                 const PredictionLayout& layout);

  // Both throw DataError when the file cannot be written.
  void write(const std::vector<Prediction>& predictions);
  void finish();

  // Returns whether the output is a terminal.
  [[nodiscard]] static bool is_terminal(const std::filesystem::path& path);

 private:
  [[nodiscard]] std::ostream& stream();
  void check();

  std::filesystem::path path_;
  std::filesystem::path part_;
  std::ofstream file_;
  std::unique_ptr<PredictionWriter> writer_;
};

}  // namespace incipit::predict
