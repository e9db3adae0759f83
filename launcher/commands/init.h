// `incipit init`: writes a configuration to start from; with --data, also a task for the user's own
// examples.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_init_command(CLI::App& app);

}  // namespace incipit::launcher
