// The `tokenize` command as a separate program, for comparisons with other tokenizers.
#include <iostream>

#include "core/error.h"
#include "launcher/command_line.h"
#include "launcher/commands/tokenize.h"

int main(int argc, char** argv) {
  incipit::launcher::Program program("tokenize_only", "tokenize texts");
  incipit::launcher::add_tokenize_command(program.commands());
  try {
    program.run(argc, argv);
    return 0;
  } catch (const incipit::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.exit_code());
  }
}
