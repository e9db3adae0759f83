// What `incipit search` prints.
#pragma once

#include <ostream>

#include "eval/search_results.h"
#include "telemetry/output.h"

namespace incipit::launcher {

// Prints the outcomes and gains.
void print_search(std::ostream& out, const telemetry::Style& style,
                  const eval::SearchResults& results);

}  // namespace incipit::launcher
