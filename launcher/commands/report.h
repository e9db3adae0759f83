// `incipit report RUN...`: one HTML page that tells what runs did.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_report_command(CLI::App& app);

}  // namespace incipit::launcher
