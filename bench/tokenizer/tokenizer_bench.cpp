// Times Tokenizer::encode on one thread.
//
//   tokenizer_bench TOKENIZER_JSON TEXTS
//
// TEXTS has one JSON string per line. For every line of standard input, encodes all texts once and
// writes a line "<seconds> <ids>".
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "data/tokenizer/tokenizer.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: tokenizer_bench TOKENIZER_JSON TEXTS\n";
    return 2;
  }
  try {
    const auto tokenizer = incipit::data::Tokenizer::load(argv[1]);
    std::ifstream file(argv[2]);
    std::vector<std::string> texts;
    for (std::string line; std::getline(file, line);) {
      texts.push_back(nlohmann::json::parse(line).get<std::string>());
    }
    for (std::string line; std::getline(std::cin, line);) {
      const auto begin = std::chrono::steady_clock::now();
      std::size_t ids = 0;
      for (const std::string& text : texts) ids += tokenizer.encode(text).size();
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      std::cout << seconds.count() << ' ' << ids << std::endl;
    }
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 3;
  }
  return 0;
}
