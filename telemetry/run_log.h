// metrics.jsonl: one JSON object per line, written line by line, so that a run that crashes loses
// at most a part of its last line. Only rank 0 writes it.
//
//   {"step":1,"loss":0.6931,"learning_rate":0.01,"grad_norm":1.25,"tokens":1812,"seconds":0.41}
//   {"step":100,"split":"validation","accuracy":0.58}
//
// A run of several tasks adds the tasks: "losses":{"rte":0.69,"cb":1.1}, "task":"rte".
// So does a sweep of its members, with "learning_rates":{"lr0.1":0.1,"lr0.3":0.3}.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "telemetry/append_file.h"
#include "telemetry/step_record.h"

namespace incipit::telemetry {

// The state of a checkpoint. A run that resumes from it removes later lines.
struct LoggedUntil {
  std::int64_t step = 0;        // steps done
  std::int64_t evaluation = 0;  // the step of the last evaluation
};

class RunLog {
 public:
  // Opens `path` for appending and creates missing parent folders. Truncates the lines of a
  // previous run at the first one that is later than `keep`, damaged, or of the test split (the end
  // of a run). A new run passes {}. Throws DataError with the file's name.
  RunLog(const std::filesystem::path& path, const LoggedUntil& keep);

  // Throws DataError with the file's name if the line cannot be written (disk full), and removes
  // the partial line.
  void append(const StepRecord& record);
  // Appends the scores of an evaluation after `step` steps, by metric. Writes numbers that are not
  // finite as null. `task` is empty in a run of one task.
  void append_scores(std::int64_t step, const std::string& task, const std::string& split,
                     std::span<const std::pair<std::string, double>> scores);

 private:
  AppendFile file_;
};

}  // namespace incipit::telemetry
