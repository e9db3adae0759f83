// `incipit show CONFIG --index 3`: shows a record as the model sees it.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_show_command(CLI::App& app);

}  // namespace incipit::launcher
