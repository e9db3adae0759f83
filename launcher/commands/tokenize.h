// `incipit tokenize`: converts text to token ids, and ids to text.
#pragma once

#include <filesystem>
#include <iosfwd>

namespace incipit::launcher {

class Command;

struct TokenizeOptions {
  std::filesystem::path tokenizer;    // a tokenizer.json or a model folder
  std::filesystem::path input = "-";  // a file of lines; "-": standard input
  bool decode = false;                // lines are ids; write their text
  bool json = false;                  // texts are JSON strings, so they may contain newlines
  bool keep_special = false;          // with decode: also write special tokens
};

// Writes one line for every line of `in`: ids separated by spaces, or with `decode` their text.
// Throws DataError naming the line that is not UTF-8, not ids or not a JSON string.
void run_tokenize(const TokenizeOptions& options, std::istream& in, std::ostream& out);

// Adds the subcommand to the program; it runs when the command line is parsed.
void add_tokenize_command(Command& program);

}  // namespace incipit::launcher
