// Tables of text and numbers.
#pragma once

#include <string>
#include <vector>

#include "report/html.h"

namespace incipit::report {

using TableRows = std::vector<std::vector<std::string>>;

// Writes a table. The first cell of a row is its head; the others are right-aligned if `numbers`.
void write_table(Html& page, const std::vector<std::string>& header, const TableRows& rows,
                 bool numbers);

}  // namespace incipit::report
