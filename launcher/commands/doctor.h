// `incipit doctor`: shows what this machine offers, and whether a model is supported.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_doctor_command(CLI::App& app);

}  // namespace incipit::launcher
