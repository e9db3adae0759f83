// incipit search
#pragma once

namespace incipit::launcher {

class Command;

void add_search_command(Command& program);

}  // namespace incipit::launcher
