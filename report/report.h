// Collects all that a report shows, from files to figures. report/page.h renders it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/comparison.h"
#include "report/figures.h"
#include "report/run_data.h"
#include "report/score_curves.h"
#include "report/task_texts.h"

namespace incipit::report {

struct Cost {
  std::int64_t steps = 0;
  std::int64_t examples = 0;
  std::int64_t tokens = 0;
  double seconds = 0;               // of the steps, without evaluations
  std::int64_t adapter_bytes = 0;   // of what was trained; 0: nothing
  std::int64_t backbone_bytes = 0;  // of the frozen weights; 0: unknown
};

struct WorstError {
  WrongAnswer answer;
  FieldValues input;  // empty: it cannot be shown
};

// A free answer to show beside the right ones.
struct ShownAnswer {
  ScoredAnswer answer;
  FieldValues input;  // empty: it cannot be shown
};

// Returns the split that the result of a run is about: test, else the last. At least one.
template <typename Splits>
[[nodiscard]] auto& result_split(Splits& splits) {
  for (auto& each : splits) {
    if (each.split == "test") return each;
  }
  return splits.back();
}

// Figures of a single run.
struct RunFigures {
  std::vector<SplitFigures> splits;  // train, `validation`, test: those with predictions and labels
  std::vector<TextFigures> text_splits;    // instead, if answers are free text
  std::vector<ShownAnswer> first_answers;  // to the test split, in its order
  std::vector<ShownAnswer> weakest;        // to the test split, the lowest score first
  std::vector<WorstError> errors;          // on the test split
  std::int64_t wrong = 0;                  // number of all wrong answers on the test split
  std::optional<SeenExample> example;
  std::string texts_problem;  // why the text of examples cannot be shown
  Cost cost;

  [[nodiscard]] const SplitFigures* of_split(const std::string& split) const;
};

struct Report {
  std::vector<RunData> runs;
  std::vector<RunFigures> figures;       // per run
  std::string majority_label;            // of the training split; empty: unknown
  std::optional<Comparison> comparison;  // only for several runs, which are scored on a test split
  std::vector<std::string> distilled;    // instead, of context distillation: a name for each run
  // Of the comparison, against training examples and against model parameters.
  std::vector<ScoreCurve> learning_curves;
  std::vector<ScoreCurve> size_curves;
};

// Reads the runs. For runs with several tasks, `task` is shown. Throws as read_run() and compare()
// do; text that cannot be shown is not an error.
[[nodiscard]] Report gather(std::span<const std::filesystem::path> dirs,
                            const std::string& task = "");

}  // namespace incipit::report
