// The results of a sweep: those of its members, by setting.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "eval/order_figures.h"
#include "telemetry/output.h"

namespace incipit::report {

struct MemberResult {
  std::string name;
  std::string setting;  // that it shares with the members that differ in the seed only
  std::int64_t best_step = 0;
  std::optional<double> validation;
  std::optional<double> test;
};

// The members of a setting together, on the test split.
struct EnsembleResult {
  std::string setting;
  double vote = 0;
  double mean_probability = 0;
};

struct Sweep {
  std::string name;    // of the run
  std::string metric;  // of all scores
  bool higher_is_better = true;
  std::vector<MemberResult> members;
  std::vector<EnsembleResult> ensembles;
  // Of the training steps of all members together; 0: unknown.
  double seconds = 0;
  std::int64_t rows = 0;  // computed forward
};

struct SettingResult {
  std::string name;
  std::int64_t members = 0;
  std::optional<eval::Spread> validation;  // over the members; of one, with deviation 0
  std::optional<eval::Spread> test;
  std::string best;                 // the member with the best validation score
  std::optional<double> best_test;  // its test score
  std::optional<EnsembleResult> ensemble;
};

// Returns the settings in the order of their validation scores' means, best first; without such
// scores in the order of the sweep.
[[nodiscard]] std::vector<SettingResult> settings_of(const Sweep& sweep);

// Write and read RUN_DIR/sweep.json. read_sweep() takes the cost from RUN_DIR/metrics.jsonl. Throw
// DataError that names the file.
void write_sweep(const std::filesystem::path& run_dir, const Sweep& sweep);
[[nodiscard]] Sweep read_sweep(const std::filesystem::path& run_dir);
[[nodiscard]] bool is_sweep(const std::filesystem::path& run_dir);

// Return the members, the settings and the cost as JSON text, and as an HTML page.
[[nodiscard]] std::string sweep_json(const Sweep& sweep);
[[nodiscard]] std::string sweep_page(const Sweep& sweep);

// Prints a table of the settings, and the cost.
void print_sweep(std::ostream& out, const telemetry::Style& style, const Sweep& sweep);

}  // namespace incipit::report
