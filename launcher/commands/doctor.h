// `incipit doctor`: shows what this machine offers, and whether a model is supported.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_doctor_command(Command& program);

}  // namespace incipit::launcher
