// Compares methods on the same test examples, with confidence intervals of their differences.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "report/run_data.h"

namespace incipit::report {

// Runs that differ only in their seed, or the majority baseline, which needs no model.
struct Method {
  std::string name;
  std::string description;         // "soft prompt of 20 tokens"; empty: unknown
  std::vector<std::size_t> runs;   // indices of the given runs; empty: the majority baseline
  std::vector<double> accuracies;  // per run
  std::vector<double> right;       // per example: share of runs that are correct
  double accuracy = 0;             // mean over the runs
  // 95 % interval: Wilson for one run, bootstrap over the examples for several.
  double low = 0;
  double high = 0;
};

struct Comparison {
  std::size_t examples = 0;
  std::string majority_label;
  std::vector<Method> methods;  // the majority baseline, then in the order of the given runs
  std::size_t best = 0;         // index into `methods`
  // gains[a][b]: accuracy of a minus that of b, by paired bootstrap.
  std::vector<std::vector<eval::MeanInterval>> gains;
  // Says which runs used which dtype if they differ; else empty.
  std::string mixed_types;
};

// Compares the test predictions of the runs. `majority_label`: the most frequent label of the
// training split, if known; empty: that of the test examples. Throws ConfigError when a run has no
// test predictions, or was scored on other examples than the first.
[[nodiscard]] Comparison compare(std::span<const RunData> runs, const std::string& majority_label);

// Returns a description of a configuration's method: "soft prompt of 20 tokens", "zero-shot, chat".
[[nodiscard]] std::string method_description(const configs::RunConfig& config);

}  // namespace incipit::report
