// What several pages have in common: head, style and script, and cards of facts.
#pragma once

#include <functional>
#include <string>

#include "report/html.h"
#include "telemetry/output.h"

namespace incipit::report {

// Returns a page with what `write_main` writes. It loads nothing from elsewhere.
[[nodiscard]] std::string whole_page(const std::string& title,
                                     const std::function<void(Html&)>& write_main);

// Writes a card of names and values.
void write_facts(Html& page, const telemetry::Facts& facts);

}  // namespace incipit::report
