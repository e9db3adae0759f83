// `incipit report RUN...`: writes one HTML page that reports on runs.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_report_command(CLI::App& app);

}  // namespace incipit::launcher
