// What an evaluation leaves in a run directory.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "eval/evaluation.h"

namespace incipit::eval {

struct NamedResult {
  std::string split;  // "select", "test"
  const data::Dataset* dataset = nullptr;
  const SplitResult* result = nullptr;
};

// Writes, each file replaced atomically; rank 0 calls it:
//
//   RUN_DIR/predictions/SPLIT.jsonl, a line per example in file order, where there are answers:
//     {"idx":3,"prediction":"yes","label":"no","scores":{"yes":-1.25,"no":-1.5}}
//     {"idx":3,"prediction":"yes","label":"no","generated":" yes"}
//     A generated answer that is no label is the prediction itself. The label is null where none is
//     known; where answers are texts, a list "references" of the right ones stands behind it.
//   RUN_DIR/scores.json, all splits passed, with Wilson's 95 % intervals of metrics that are
//   shares:
//     {"test":{"examples":277,"accuracy":0.57,"accuracy_95":[0.51,0.63]}}
//
// Throws DataError naming the file that cannot be written.
void write_results(const std::filesystem::path& run_dir, std::span<const NamedResult> results);

// The scored splits of one of several tasks.
struct TaskResults {
  std::string task;
  std::vector<NamedResult> splits;
};

// The same for several tasks: RUN_DIR/predictions/TASK/SPLIT.jsonl and, in RUN_DIR/scores.json,
// {"TASK":{"test":{...}},...}.
void write_results(const std::filesystem::path& run_dir, std::span<const TaskResults> tasks);

// What a wording of a task scores.
struct WordingScore {
  std::string name;
  Metrics metrics;
  Intervals intervals{};
};

// Writes RUN_DIR/wordings.json, from which the wording number `best` was chosen:
//
//   {"split":"select","best":"chat","wordings":[{"name":"chat","examples":150,"accuracy":0.57,...}]}
//
// Throws DataError naming the file.
void write_wordings(const std::filesystem::path& run_dir, const data::Dataset& split,
                    const std::string& split_name, std::span<const WordingScore> wordings,
                    std::size_t best);

}  // namespace incipit::eval
