// `incipit ls`: lists the built-in tasks and recipes, and the methods.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_ls_command(Command& program);

}  // namespace incipit::launcher
