// The HTML page of an order search.
#pragma once

#include <string>

#include "eval/order_results.h"

namespace incipit::report {

// Returns the page: the scores of all orders, what every criterion keeps, entropy against score,
// and the few-shot examples. Loads nothing from elsewhere.
[[nodiscard]] std::string order_page(const eval::OrderResults& results);

}  // namespace incipit::report
