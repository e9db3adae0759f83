// The results of an order search on the terminal.
#pragma once

#include <ostream>
#include <string>

#include "eval/order_results.h"
#include "telemetry/output.h"

namespace incipit::launcher {

// Prints the few-shot examples, a table of the orders (of many: the best and the worst) and a table
// of the figures.
void print_orders(std::ostream& out, const telemetry::Style& style,
                  const eval::OrderResults& results);

// Returns lines on the probes, the rows that sharing saved, and the chosen order.
[[nodiscard]] telemetry::Facts order_facts(const eval::OrderResults& results);

}  // namespace incipit::launcher
