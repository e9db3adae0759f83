// The page that `explain` writes.
#pragma once

#include <string>

#include "explain/explanation.h"

namespace incipit::report {

// Returns the HTML of the explanation's page.
[[nodiscard]] std::string explain_page(const explain::Explanation& explanation);

}  // namespace incipit::report
