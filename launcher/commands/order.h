// `incipit order`: orders of few-shot examples.
#pragma once

namespace incipit::launcher {

class Command;

void add_order_command(Command& program);

}  // namespace incipit::launcher
