// metrics.jsonl: one JSON object per line, flushed line by line, so that a run which dies
// keeps all lines but perhaps a part of its last. Written by rank 0 alone.
//
//   {"step":1,"loss":0.6931,"learning_rate":0.01,"grad_norm":1.25,"tokens":1812,"seconds":0.41}
//   {"step":100,"split":"select","accuracy":0.58}
//
// A run of several tasks says of which: "losses":{"rte":0.69,"cb":1.1}, "task":"rte".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "metrics/step_record.h"

namespace incipit::metrics {

// What a checkpoint knows; later lines are cut off when a run goes on from it.
struct LoggedUntil {
  std::int64_t step = 0;        // steps done
  std::int64_t evaluation = 0;  // the step of the last evaluation
};

class RunLog {
 public:
  // Opens `path` for appending and creates missing parent folders. Of a former run's lines those
  // from the first on that is above `keep`, damaged, or of the test split, which ends a run, are
  // cut off. A new run passes {}. Throws DataError naming the file.
  RunLog(const std::filesystem::path& path, const LoggedUntil& keep);
  ~RunLog();
  RunLog(RunLog&& other) noexcept;
  RunLog& operator=(RunLog&&) = delete;
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  // Throws DataError naming the file when the line cannot be written (disk full); no part of it
  // stays then.
  void append(const StepRecord& record);
  // The scores of an evaluation after `step` steps, by metric. Numbers that are not finite
  // are written as null. `task` is empty in a run of one task.
  void append_scores(std::int64_t step, const std::string& task, const std::string& split,
                     std::span<const std::pair<std::string, double>> scores);

 private:
  void write_line(const std::string& line);
  void take_back(off_t bytes) noexcept;

  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace incipit::metrics
