// Says whether a training run learns anything: meanwhile, and at its end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "launcher/output.h"
#include "launcher/session.h"
#include "trainer/diagnosis.h"

namespace incipit::launcher {

// Remembers what evaluations of a task predicted; on rank 0.
class LearningWatch {
 public:
  // `task`: its name in metrics.jsonl; empty: it is the only one.
  explicit LearningWatch(std::string task) : task_(std::move(task)) {}

  // Takes the predictions for the select split after `step` steps, and warns when they are
  // all the same label.
  void add(std::int64_t step, const data::Dataset& select, std::span<const int> predictions);

  // The judgement of the run for this task, of the session, whose best prompt is that of
  // `best_step`. Losses are read from the run's metrics.jsonl, so that those from before a resume
  // count. Throws DataError.
  [[nodiscard]] trainer::Diagnosis diagnose(const Session& session, const SessionTask& task,
                                            std::int64_t best_step) const;

 private:
  struct Evaluation {
    std::int64_t step = 0;
    std::vector<int> predictions;
    std::vector<int> answers;
  };
  std::string task_;
  std::vector<Evaluation> evaluations_;
};

// Prints the judgement and what to try. `task` is said where it is not empty.
void print_diagnosis(std::ostream& out, const Style& style, const std::string& task,
                     const trainer::Diagnosis& diagnosis);

// RUN_DIR/diagnosis.json, which reports show:
//   {"verdict":"not_learned","summary":"...","findings":["..."],"advice":["..."],
//    "figures":{"first_loss":...,"last_loss":...,"prior_loss":...,"accuracy":...,
//      "accuracy_95":[...,...],"majority_share":...,"majority_label":"...",
//      "predicted_share":...,"predicted_label":"..."}}
// Figures that nobody knows are left out. Of several tasks, one such object for each, under its
// name. Throws DataError naming the file.
void write_diagnoses(const std::filesystem::path& run_dir,
                     std::span<const std::pair<std::string, trainer::Diagnosis>> by_task);

}  // namespace incipit::launcher
