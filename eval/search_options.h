// The `search:` block of a run's YAML: the search for the words of a prompt. Torch-free.
#pragma once

#include <cstdint>
#include <string>

namespace incipit {
class Schema;
}

namespace incipit::eval {

struct SearchOptions {
  std::int64_t passes = 20'000;   // budget: examples that the model computes; >= 1
  std::int64_t examples = 64;     // training examples that words are scored on; >= 1
  std::int64_t validation = 128;  // at most, of the examples that judge them; 0: all
  // Of a search over tokens:
  std::string start;             // initial text; empty: drawn at random
  std::int64_t length = 8;       // tokens, if `start` is empty; >= 1
  std::int64_t candidates = 16;  // tokens tried at a position before the next one; >= 1
};

// Declares the keys of the block.
void declare(Schema& schema, SearchOptions& options);

}  // namespace incipit::eval
