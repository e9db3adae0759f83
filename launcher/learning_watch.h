// Reports whether a training run learns, during the run and at its end.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/text_metrics.h"
#include "eval/scorer.h"
#include "launcher/session.h"
#include "telemetry/output.h"
#include "trainer/diagnosis.h"

namespace incipit::launcher {

// Records the predictions of a task's evaluations; on rank 0.
class LearningWatch {
 public:
  // `name`: the task's in metrics.jsonl; empty if it is the only one.
  LearningWatch(std::string name, const data::Task& task);

  // Records the answers to the validation split after `step` steps. Warns when nearly all of them
  // are one label.
  void add(std::int64_t step, const data::Dataset& validation, const eval::Scores& answers);

  // Returns the diagnosis of the session's run for this task, whose best prompt is that of
  // `best_step`. Reads the losses from the run's metrics.jsonl, so that losses from before a resume
  // count. Throws DataError.
  [[nodiscard]] trainer::Diagnosis diagnose(const Session& session, const data::LoadedTask& task,
                                            std::int64_t best_step) const;

 private:
  struct Evaluation {
    std::int64_t step = 0;
    std::vector<int> predictions;
    std::vector<int> answers;
    std::optional<trainer::FreeAnswers> free;
  };
  void add_labels(std::int64_t step, const data::Dataset& validation,
                  std::span<const int> predictions);
  void add_texts(std::int64_t step, const data::Dataset& validation,
                 const std::vector<std::string>& texts);

  std::string task_;
  const data::TextMetric* metric_ = nullptr;  // by which free answers are judged
  std::vector<Evaluation> evaluations_;
};

// Prints the diagnosis and the advice. `task` is printed unless it is empty.
void print_diagnosis(std::ostream& out, const telemetry::Style& style, const std::string& task,
                     const trainer::Diagnosis& diagnosis);

}  // namespace incipit::launcher
