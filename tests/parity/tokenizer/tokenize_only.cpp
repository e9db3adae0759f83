// The `tokenize` command as a separate program, for comparisons with other tokenizers.
#include <CLI/CLI.hpp>
#include <iostream>

#include "core/error.h"
#include "launcher/commands/tokenize.h"

int main(int argc, char** argv) {
  CLI::App app("tokenize texts");
  app.require_subcommand(1);
  incipit::launcher::add_tokenize_command(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return static_cast<int>(incipit::ExitCode::kUsage);
  } catch (const incipit::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.exit_code());
  }
}
