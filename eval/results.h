// Writes the results of an evaluation to a run directory.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "eval/evaluation.h"

namespace incipit::eval {

struct NamedResult {
  std::string split;  // "validation", "test"
  const data::Dataset* dataset = nullptr;
  const SplitResult* result = nullptr;
};

// Writes these files, each replaced atomically. Rank 0 calls it.
//
//   RUN_DIR/predictions/SPLIT.jsonl, one line per example in file order, if there are answers:
//     {"idx":3,"prediction":"yes","label":"no","scores":{"yes":-1.25,"no":-1.5}}
//     {"idx":3,"prediction":"yes","label":"no","generated":" yes"}
//     {"idx":3,"prediction":"42","label":null,"references":["42"],"generated":" 42"}
//     {"idx":3,"prediction":[{"start":4,"end":8,"label":"place","text":"mill"}],"label":null,
//      "references":[[...]]}                                  entities; of spans, texts
//     A generated answer that is no label is itself the prediction, without white space at its
//     ends. The label is null if unknown or if answers are free text; these have the list of right
//     answers.
//   RUN_DIR/scores.json, all splits passed, with 95 % intervals of metrics that have them:
//     {"test":{"examples":277,"accuracy":0.57,"accuracy_95":[0.51,0.63]}}
//
// Removes the predictions of other splits. Throws DataError naming the file that cannot be written.
void write_results(const std::filesystem::path& run_dir, std::span<const NamedResult> results);

// The same, but keeps the predictions and scores of other splits: the same model was asked.
void add_results(const std::filesystem::path& run_dir, std::span<const NamedResult> results);

// The scored splits of one of several tasks.
struct TaskResults {
  std::string task;
  std::vector<NamedResult> splits;
};

// Writes the results of several tasks: RUN_DIR/predictions/TASK/SPLIT.jsonl and, in
// RUN_DIR/scores.json, {"TASK":{"test":{...}},...}.
void write_results(const std::filesystem::path& run_dir, std::span<const TaskResults> tasks);
void add_results(const std::filesystem::path& run_dir, std::span<const TaskResults> tasks);

// The metrics of one prompt template (`template`) of a task.
struct TemplateScore {
  std::string name;
  Metrics metrics;
  Intervals intervals{};
  std::optional<double> on_format{};  // as Scores::on_format; nothing if only the loss counts
  std::optional<double> calibration_error{};  // of candidates (eval/calibration.h)
};

// Writes RUN_DIR/templates.json with the scores of the prompt templates; `best` is the index of the
// chosen one:
//
//   {"split":"validation","best":"chat",
//    "templates":[{"name":"chat","examples":150,"accuracy":0.57,...,"on_format":0.9,
//                  "calibration_error":0.08}],
//    "spread":{"mean":0.4,"sd":0.1,"worst":0.3,"best":0.57},
//    "majority":{"answer":"roads","accuracy":0.25}}
//
// "spread" is of the deciding metric over several templates. "majority" is the constant answer, if
// there is one.
//
// Throws DataError naming the file that cannot be written.
void write_templates(const std::filesystem::path& run_dir, const data::Dataset& split,
                     const std::string& split_name, std::span<const TemplateScore> templates,
                     std::size_t best, const std::optional<ConstantAnswer>& constant = {});

}  // namespace incipit::eval
