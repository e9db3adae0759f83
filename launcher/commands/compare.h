// `incipit compare`: compares prompt templates of a task.
#pragma once

namespace CLI {
class App;
}

namespace incipit::launcher {

void add_compare_command(CLI::App& app);

}  // namespace incipit::launcher
