#include "launcher/commands/tokenize.h"

#include <charconv>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "data/lines.h"
#include "data/tokenizer/tokenizer.h"
#include "launcher/command_line.h"

namespace incipit::launcher {
namespace {

std::string text_of_json(const std::string& line) {
  const auto value = parse_json_or_discard<nlohmann::json>(line);
  if (!value.is_string()) throw DataError("expected one JSON string, found '" + line + "'");
  return value.get<std::string>();
}

std::vector<TokenId> read_ids(const std::string& line) {
  std::vector<TokenId> ids;
  const char* position = line.data();
  const char* const end = position + line.size();
  while (position != end) {
    if (*position == ' ' || *position == '\t' || *position == '\r') {
      ++position;
      continue;
    }
    TokenId id = 0;
    const auto [stop, error] = std::from_chars(position, end, id);
    if (error != std::errc() || id < 0 ||
        (stop != end && *stop != ' ' && *stop != '\t' && *stop != '\r')) {
      throw DataError("expected token ids separated by spaces, found '" +
                      std::string(position, end) + "'");
    }
    ids.push_back(id);
    position = stop;
  }
  return ids;
}

std::string line_of_ids(const std::vector<TokenId>& ids) {
  std::string line;
  for (const TokenId id : ids) {
    if (!line.empty()) line += ' ';
    line += std::to_string(id);
  }
  return line;
}

}  // namespace

void run_tokenize(const TokenizeOptions& options, std::istream& in, std::ostream& out) {
  const auto tokenizer = data::Tokenizer::load(options.tokenizer);
  const std::string name = options.input == "-" ? "standard input" : options.input.string();
  std::string line;
  for (std::int64_t number = 1; data::read_line(in, line, name, number); ++number) {
    try {
      if (!options.decode) {
        out << line_of_ids(tokenizer.encode(options.json ? text_of_json(line) : line)) << '\n';
      } else {
        const std::string text = tokenizer.decode(read_ids(line), !options.keep_special);
        out << (options.json ? dump_json(nlohmann::json(text)) : text) << '\n';
      }
    } catch (const DataError& error) {
      throw DataError(name + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  out.flush();
}

void add_tokenize_command(Command& program) {
  const auto options = std::make_shared<TokenizeOptions>();
  Command* command =
      program.add_subcommand("tokenize", "Print the token ids of each line, or decode ids to text");
  command->add_option("tokenizer", options->tokenizer, "model folder or its tokenizer.json")
      ->required();
  command->add_option("input", options->input, "file of lines; - is standard input (default)");
  command->add_flag("--decode", options->decode, "print the text of each line of ids");
  command->add_flag("--json", options->json,
                    "texts are JSON strings, one per line, so that they may contain newlines");
  command->add_flag("--keep-special", options->keep_special,
                    "with --decode: write special tokens, too");
  command->example("echo 'Two words' | incipit tokenize models/smollm2-135m-instruct");
  command->callback([options] {
    if (options->input == "-") return run_tokenize(*options, std::cin, std::cout);
    require_regular_file(options->input);
    std::ifstream file(options->input, std::ios::binary);
    if (!file) throw DataError(options->input.string() + ": cannot be opened");
    run_tokenize(*options, file, std::cout);
  });
}

}  // namespace incipit::launcher
