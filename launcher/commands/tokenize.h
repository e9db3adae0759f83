// `incipit tokenize`: the ids of texts, and the texts of ids.
#pragma once

#include <filesystem>
#include <iosfwd>

namespace CLI {
class App;
}

namespace incipit::launcher {

struct TokenizeOptions {
  std::filesystem::path tokenizer;    // a tokenizer.json, or the folder of a model
  std::filesystem::path input = "-";  // a file of lines; "-": standard input
  bool decode = false;                // lines are ids; write their texts
  bool json = false;                  // texts are JSON strings, so that they may hold newlines
  bool keep_special = false;          // with decode: write special tokens, too
};

// Writes one line for every line of `in`: ids separated by spaces, or with `decode` their
// text. Throws DataError naming the line that is no UTF-8, no id or no JSON string.
void run_tokenize(const TokenizeOptions& options, std::istream& in, std::ostream& out);

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_tokenize_command(CLI::App& app);

}  // namespace incipit::launcher
