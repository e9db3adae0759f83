// `incipit eval CONFIG`: scores a prompt, or the model without one.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_eval_command(CLI::App& app);

}  // namespace incipit::launcher
