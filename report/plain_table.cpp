#include "report/plain_table.h"

#include <cstddef>

namespace incipit::report {

void write_table(Html& page, const std::vector<std::string>& header, const TableRows& rows,
                 bool numbers) {
  const auto card = page.element("div", {{"class", "card scroll"}});
  const auto table = page.element("table", {{"class", "wide"}});
  const char* kind = numbers ? "n" : "";
  {
    const auto head = page.element("thead");
    const auto row = page.element("tr");
    for (std::size_t c = 0; c < header.size(); ++c) {
      page.leaf("th", {{"scope", "col"}, {"class", c == 0 ? "" : kind}}, header[c]);
    }
  }
  const auto body = page.element("tbody");
  for (const auto& cells : rows) {
    const auto row = page.element("tr");
    page.leaf("th", {{"scope", "row"}}, cells.front());
    for (std::size_t c = 1; c < cells.size(); ++c) {
      page.leaf("td", {{"class", kind}}, cells[c]);
    }
  }
}

}  // namespace incipit::report
