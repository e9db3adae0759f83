// page.css and page.js, which are embedded in the program.
#pragma once

#include <string_view>

namespace incipit::report {

[[nodiscard]] std::string_view page_style();
[[nodiscard]] std::string_view page_script();

}  // namespace incipit::report
