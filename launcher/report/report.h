// All that a report shows, gathered: files -> figures. launcher/report/page.h turns it into a page.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "launcher/report/comparison.h"
#include "launcher/report/figures.h"
#include "launcher/report/run_data.h"
#include "launcher/report/task_texts.h"

namespace incipit::launcher::report {

struct Cost {
  std::int64_t steps = 0;
  std::int64_t examples = 0;
  std::int64_t tokens = 0;
  double seconds = 0;               // of the steps; evaluations are not in it
  std::int64_t adapter_bytes = 0;   // of what was learned; 0: nothing
  std::int64_t backbone_bytes = 0;  // of the frozen weights' tensors; 0: not known
};

struct WorstError {
  WrongAnswer answer;
  std::optional<std::string> text;
};

// What is shown of a single run.
struct RunFigures {
  std::vector<SplitFigures> splits;  // train, select, test, those that were predicted and labelled
  std::vector<WorstError> errors;    // on test
  std::int64_t wrong = 0;            // answers on test, all of them
  std::optional<SeenExample> example;
  std::string texts_problem;  // why texts cannot be shown
  Cost cost;

  [[nodiscard]] const SplitFigures* of_split(const std::string& split) const;
};

struct Report {
  std::vector<RunData> runs;
  std::vector<RunFigures> figures;       // by run
  std::string majority_label;            // of train; empty: not known
  std::optional<Comparison> comparison;  // of several runs
};

// Reads the runs. Throws as read_run() and compare() do; texts that cannot be shown are no error.
// Of runs of several tasks `task` is shown.
[[nodiscard]] Report gather(std::span<const std::filesystem::path> dirs,
                            const std::string& task = "");

}  // namespace incipit::launcher::report
