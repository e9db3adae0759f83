// `incipit generate MODEL`: generates text from text.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_generate_command(CLI::App& app);

}  // namespace incipit::launcher
