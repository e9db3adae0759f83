// `incipit ls`: lists the built-in tasks and recipes, and the methods.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_ls_command(CLI::App& app);

}  // namespace incipit::launcher
