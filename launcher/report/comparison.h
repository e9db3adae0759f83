// Methods beside each other on the same test examples, with how sure their differences are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "launcher/report/run_data.h"

namespace incipit::launcher::report {

// Runs that differ in their seed alone, or the answer that needs no model.
struct Method {
  std::string name;
  std::string description;         // "soft prompt of 20 tokens"; empty: not known
  std::vector<std::size_t> runs;   // of those given; empty: the majority
  std::vector<double> accuracies;  // by run
  std::vector<double> right;       // by example: share of the runs that answer it rightly
  double accuracy = 0;             // mean over the runs
  // 95 %: Wilson's for one run; for several, the bootstrap's over the examples.
  double low = 0;
  double high = 0;
};

struct Comparison {
  std::size_t examples = 0;
  std::string majority_label;
  std::vector<Method> methods;  // the majority, then in the order in which runs were given
  std::size_t best = 0;         // of the methods
  // gains[a][b]: accuracy of a minus that of b, by paired bootstrap.
  std::vector<std::vector<eval::MeanInterval>> gains;
  // Says which runs computed in which type, where they did not all compute in the same; else empty.
  std::string mixed_types;
};

// Compares the test predictions of the runs. `majority_label`: the most frequent one of train,
// where it is known; empty: that of the test examples. Throws ConfigError when a run has no test
// predictions, or was scored on other examples than the first.
[[nodiscard]] Comparison compare(std::span<const RunData> runs, const std::string& majority_label);

// "soft prompt of 20 tokens", "zero-shot, chat": the method of a configuration.
[[nodiscard]] std::string method_description(const configs::RunConfig& config);

}  // namespace incipit::launcher::report
