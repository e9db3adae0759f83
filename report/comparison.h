// Compares methods on the same test examples, with confidence intervals of their differences.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/text_metrics.h"
#include "eval/bootstrap.h"
#include "report/run_data.h"

namespace incipit::report {

// Runs that differ only in their seed, or the constant baseline, which needs no model.
struct Method {
  std::string name;
  std::string description;          // "soft prompt of 20 tokens"; empty: unknown
  std::vector<std::size_t> runs;    // indices of the given runs; empty: the baseline
  std::vector<double> scores;       // per run
  eval::ResampledMethod resampled;  // the mean of the runs' scores, on any sample of the examples
  double score = 0;                 // mean over the runs
  // 95 % interval: of shares Wilson's for one run, else the bootstrap's over the examples.
  double low = 0;
  double high = 0;
  // Means over the runs of the task's other metrics of free answers, in Comparison::others.
  std::vector<double> others;
};

struct Comparison {
  std::size_t examples = 0;
  std::string metric = "accuracy";  // what is compared; of free answers, their task's first metric
  std::string title = "accuracy";   // as tables show it
  std::vector<std::string> others;  // titles of further metrics of free answers
  std::string majority_label;       // of free answers: the most frequent right answer
  std::vector<Method> methods;  // the baseline: always this label or answer; then as the runs are
  std::size_t best = 0;         // index into `methods`
  // gains[a][b]: score of a minus that of b, by paired bootstrap.
  std::vector<std::vector<eval::MeanInterval>> gains;
  // Says which runs used which dtype if they differ; else empty.
  std::string mixed_types;
};

// Compares the test predictions of the runs. `majority_label`: the most frequent label of the
// training split, if known; empty: that of the test examples. Throws ConfigError when a run has no
// test predictions, or was scored on other examples than the first. Free answers are compared by
// the metrics of the first run with a configuration.
[[nodiscard]] Comparison compare(std::span<const RunData> runs, const std::string& majority_label);

// Returns the gain of a run over always giving the answer `constant`, with the interval that
// compare() gives it. `metrics`: of free answers, the deciding one first; of labels, none. Some
// example must be labelled or have references.
[[nodiscard]] eval::MeanInterval gain_over_constant(
    const std::vector<EvaluatedExample>& predictions, const std::string& constant,
    const std::vector<const data::TextMetric*>& metrics);

// Returns the key that runs of one method share: all but the blocks `run`, `metrics`, `log` and
// `order`.
[[nodiscard]] std::string method_key(const configs::RunConfig& config);

// Returns a description of a configuration's method: "soft prompt of 20 tokens", "zero-shot, chat".
[[nodiscard]] std::string method_description(const configs::RunConfig& config);

}  // namespace incipit::report
