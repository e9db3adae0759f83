// `incipit show CONFIG --index 3`: shows a record as the model sees it.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_show_command(Command& program);

}  // namespace incipit::launcher
