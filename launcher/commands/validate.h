// `incipit validate CONFIG`: everything that can be checked before weights are read.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_validate_command(CLI::App& app);

}  // namespace incipit::launcher
