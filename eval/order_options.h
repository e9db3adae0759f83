// The `order:` block of a run's YAML: the search for an order of few-shot examples (Lu et al.
// 2021). Torch-free.
#pragma once

#include <cstdint>

namespace incipit {
class Schema;
}

namespace incipit::eval {

struct OrderOptions {
  std::int64_t orders = 24;            // at most; all of them, or a sample; >= 2
  std::int64_t queries = 256;          // at most, of each labelled split; 0: all
  std::int64_t probes_per_order = 8;   // generated after every order; 0: no search
  std::int64_t max_probe_tokens = 64;  // of each field of the template; >= 1
  double temperature = 2;              // of the generation; > 0
  std::int64_t block_ngrams = 2;       // see GenerationOptions::block_ngrams
  std::int64_t min_probe_words = 5;    // of a valid probe, over all fields
  std::int64_t best = 4;               // orders that a criterion keeps; >= 1
};

// Declares the keys of the block.
void declare(Schema& schema, OrderOptions& options);

}  // namespace incipit::eval
