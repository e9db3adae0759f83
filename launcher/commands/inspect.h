// `incipit inspect PATH`: shows the contents of a model folder, adapter, run or tensor file.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_inspect_command(Command& program);

}  // namespace incipit::launcher
