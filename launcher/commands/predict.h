// `incipit predict RUN`: predicts answers for unlabelled records.
#pragma once

namespace incipit::launcher {

class Command;

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_predict_command(Command& program);

}  // namespace incipit::launcher
