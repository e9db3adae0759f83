// `incipit generate MODEL`: generates text from text.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_generate_command(Command& program);

}  // namespace incipit::launcher
