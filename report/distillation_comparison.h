// Compares runs of context distillation: how near each comes to the teacher that they share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/plain_table.h"
#include "report/run_data.h"

namespace incipit::report {

// Returns whether all runs have the results of a context distillation.
[[nodiscard]] bool are_distilled(std::span<const RunData> runs);

// Returns a name for each run, at least one. Throws ConfigError that names a run whose long prompt
// or answers have other numbers of tokens than those of the first, or whose questions are more or
// fewer; results do not have more of the teacher.
[[nodiscard]] std::vector<std::string> name_distilled(std::span<const RunData> runs);

// Return a table of what no prompt, the first tokens of the long prompt, and each run leave of the
// divergence. `names`: as name_distilled() returns them.
[[nodiscard]] std::vector<std::string> distilled_header();
[[nodiscard]] TableRows distilled_rows(std::span<const RunData> runs,
                                       const std::vector<std::string>& names);

// Returns which run is the nearest to the teacher, in a sentence.
[[nodiscard]] std::string distilled_sentence(std::span<const RunData> runs,
                                             const std::vector<std::string>& names);

}  // namespace incipit::report
