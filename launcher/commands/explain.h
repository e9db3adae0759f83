// incipit explain
#pragma once

namespace incipit::launcher {

class Command;

// Adds the command to the program.
void add_explain_command(Command& program);

}  // namespace incipit::launcher
