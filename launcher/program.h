// The `incipit` program behind main().
#pragma once

namespace incipit::launcher {

// Parses the command line, runs the command and returns the exit code. What goes wrong is
// thrown; a command line that is wrong as a ConfigError.
[[nodiscard]] int run_program(int argc, const char* const* argv);

}  // namespace incipit::launcher
