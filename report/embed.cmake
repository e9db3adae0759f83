# Writes OUTPUT, a C++ file with page.css and page.js of the folder SOURCE.
file(READ "${SOURCE}/page.css" style)
file(READ "${SOURCE}/page.js" script)
file(WRITE "${OUTPUT}" "// Made by report/embed.cmake.
#include \"report/page_assets.h\"

namespace incipit::report {

std::string_view page_style() { return R\"incipit(${style})incipit\"; }

std::string_view page_script() { return R\"incipit(${script})incipit\"; }

}  // namespace incipit::report
")
