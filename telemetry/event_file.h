// TensorBoard's event files: scalars by step.
//
// An event file is a sequence of records: length (uint64, little-endian), masked CRC-32C of the
// length, data, masked CRC-32C of the data. The data is a protocol buffer `Event`
// (tensorflow/core/util/event.proto): 1 wall_time, 2 step, 3 file_version, 5 summary, 7
// session_log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "telemetry/append_file.h"
#include "telemetry/step_record.h"

namespace incipit::telemetry {

class EventFile {
 public:
  // Creates a file in `folder`, named as TensorBoard expects. A run that resumes after step `done`
  // keeps the files before it, and TensorBoard drops their points of later steps. A new run (0)
  // removes them. Throws DataError with the file's name.
  EventFile(const std::filesystem::path& folder, std::int64_t done);

  // Both throw DataError with the file's name if the points cannot be written.
  void append(const StepRecord& record);
  // Appends the scores of an evaluation as "validation/accuracy", or as "rte/validation/accuracy"
  // with the task's name, which is empty in a run of one task.
  void append_scores(std::int64_t step, const std::string& task, const std::string& split,
                     std::span<const std::pair<std::string, double>> scores);

 private:
  AppendFile file_;
};

// Returns the CRC-32C (Castagnoli) of the bytes, rotated and offset as event files store it.
[[nodiscard]] std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace incipit::telemetry
