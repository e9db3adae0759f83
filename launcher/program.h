// The `incipit` program, called by main().
#pragma once

namespace incipit::launcher {

// Parses the command line, runs the command and returns the exit code. Throws on errors; a wrong
// command line is a ConfigError.
[[nodiscard]] int run_program(int argc, const char* const* argv);

}  // namespace incipit::launcher
