// Renders a report as one self-contained HTML page.
#pragma once

#include <string>

#include "report/report.h"

namespace incipit::report {

// Returns the page. It is readable without scripts, loads nothing, and escapes all user text.
[[nodiscard]] std::string render(const Report& report);

}  // namespace incipit::report
