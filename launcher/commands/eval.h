// `incipit eval CONFIG`: scores a prompt, or the model without one.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_eval_command(Command& program);

}  // namespace incipit::launcher
