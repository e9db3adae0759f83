// `incipit train CONFIG`: trains a soft prompt.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_train_command(Command& program);

}  // namespace incipit::launcher
