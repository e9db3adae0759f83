// `incipit validate CONFIG`: checks everything that can be checked without reading weights.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_validate_command(Command& program);

}  // namespace incipit::launcher
