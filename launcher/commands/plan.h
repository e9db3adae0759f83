// `incipit plan CONFIG`: estimates memory, traffic and time of a training step on a mesh, without
// running it.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_plan_command(CLI::App& app);

}  // namespace incipit::launcher
