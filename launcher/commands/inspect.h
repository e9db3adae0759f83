// `incipit inspect PATH`: shows the contents of a model folder, adapter, run or tensor file.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_inspect_command(CLI::App& app);

}  // namespace incipit::launcher
