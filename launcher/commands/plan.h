// `incipit plan CONFIG`: estimates memory, traffic and time of a training step on a mesh, without
// running it.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_plan_command(Command& program);

}  // namespace incipit::launcher
