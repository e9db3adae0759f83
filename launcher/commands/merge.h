// `incipit merge`: adds an adapter to the weights of its model.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_merge_command(Command& program);

}  // namespace incipit::launcher
