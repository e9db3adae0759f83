// The main program: what main() of incipit-engine calls, and of a program with further methods and
// families.
#pragma once

namespace incipit::launcher {

// Waits for signals, runs the command that the arguments name, and returns the exit code. Reports
// errors itself; an error on one of several ranks ends the process. Start the program through a
// front end (launcher/front.cpp), which blocks signals before libtorch is loaded.
[[nodiscard]] int run_engine(int argc, char** argv);

}  // namespace incipit::launcher
