// `incipit init`: writes a configuration to start from; with --data, also a task for the user's own
// examples.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_init_command(Command& program);

}  // namespace incipit::launcher
