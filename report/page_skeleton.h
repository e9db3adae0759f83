// What all pages have in common: head, style and script.
#pragma once

#include <functional>
#include <string>

#include "report/html.h"

namespace incipit::report {

// Returns a page with what `write_main` writes. It loads nothing from elsewhere.
[[nodiscard]] std::string whole_page(const std::string& title,
                                     const std::function<void(Html&)>& write_main);

}  // namespace incipit::report
