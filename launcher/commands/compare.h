// incipit compare: wordings of a task against each other.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

void add_compare_command(CLI::App& app);

}  // namespace incipit::launcher
