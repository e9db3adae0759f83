// `incipit report RUN...`: writes one HTML page that reports on runs.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_report_command(Command& program);

}  // namespace incipit::launcher
