// Names of the runs of a comparison.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/run_data.h"

namespace incipit::report {

// Returns a name for each method: what the names of its runs have in common ("rte" for
// "rte-seed-17" and "rte-seed-18"). Methods that would have the same name are named by what differs
// between their configurations as well, "rte (task.shots: 4)", or else by the folder of their first
// run. `methods`: the runs of each method, at least one.
[[nodiscard]] std::vector<std::string> method_names(
    std::span<const RunData> runs, const std::vector<std::vector<std::size_t>>& methods);

}  // namespace incipit::report
