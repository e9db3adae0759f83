// metrics.jsonl: one JSON object per line, flushed line by line, so that a run which dies
// keeps all lines but perhaps a part of its last. Written by rank 0 alone.
//
//   {"step":1,"loss":0.6931,"learning_rate":0.01,"grad_norm":1.25,"tokens":1812,"seconds":0.41}
//   {"step":100,"split":"select","accuracy":0.58}
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "metrics/step_record.h"

namespace incipit::metrics {

class RunLog {
 public:
  // Opens `path` for appending and creates missing parent folders. Lines of a former run
  // with a step above `keep_until_step`, and what follows the first damaged line, are cut
  // off: a resumed run passes the step of its checkpoint, a new one 0.
  // Throws DataError naming the file.
  RunLog(const std::filesystem::path& path, std::int64_t keep_until_step);
  ~RunLog();
  RunLog(RunLog&& other) noexcept;
  RunLog& operator=(RunLog&&) = delete;
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  // Throws DataError naming the file when the line cannot be written (disk full).
  void append(const StepRecord& record);
  // The scores of an evaluation after `step` steps, by metric. Numbers that are not finite
  // are written as null.
  void append_scores(std::int64_t step, const std::string& split,
                     std::span<const std::pair<std::string, double>> scores);

 private:
  void write_line(const std::string& line);

  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace incipit::metrics
