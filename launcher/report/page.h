// A report as one HTML page that needs nothing but itself.
#pragma once

#include <string>

#include "launcher/report/report.h"

namespace incipit::launcher::report {

// No script is needed to read it, nothing is fetched, and what users wrote is escaped.
[[nodiscard]] std::string render(const Report& report);

}  // namespace incipit::launcher::report
