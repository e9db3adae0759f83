// `incipit compare`: compares prompt templates of a task.
#pragma once

namespace incipit::launcher {

class Command;

void add_compare_command(Command& program);

}  // namespace incipit::launcher
