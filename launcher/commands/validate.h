// `incipit validate CONFIG`: checks everything that can be checked without reading weights.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_validate_command(CLI::App& app);

}  // namespace incipit::launcher
