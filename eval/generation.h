// Generates text token by token for several sequences at once, each with its own length.
//
//   Generator generator(model, beginning);
//   generator.run(sequences, {.max_tokens = 64, .stops = special.stops});
//
// The beginning that all sequences share, such as the prompt, is computed once per generator.
// The sequences of a call are packed, so prefixes shared by some of them are also computed once.
// Each step then computes one row per sequence that has not ended. Keys and values of all rows stay
// in a store allocated before the first step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/forest.h"
#include "eval/shared_beginning.h"
#include "methods/prompted_model.h"

namespace incipit::eval {

struct GenerationOptions {
  std::int64_t max_tokens = 256;  // >= 1
  double temperature = 0;         // 0: greedy; else sampled (eval/sampling.h)
  double top_p = 1;               // in (0, 1]
  // Logits of tokens in the sequence so far are divided by this if positive, else multiplied
  // (Keskar et al. 2019); 1: unchanged.
  double repetition_penalty = 1;
  // No run of this many tokens occurs twice in a generated text; 0: any may.
  std::int64_t block_ngrams = 0;
  // Sequence i draws from stream `streams[i]` of the seed, or from stream i without `streams`. So
  // what it draws depends neither on the sequences beside it nor on who computes it.
  std::uint64_t seed = 17;
  std::vector<std::uint64_t> streams{};
  std::vector<TokenId> stops{};  // tokens that end a sequence; left out of the result
};

// Returns the stream that sequence i draws from.
[[nodiscard]] std::uint64_t stream_of(const GenerationOptions& options, std::size_t i);
// Returns the `count` streams from `first` on.
[[nodiscard]] std::vector<std::uint64_t> streams_from(std::uint64_t first, std::size_t count);

enum class Ending {
  kStop,    // a stop token
  kLength,  // max_tokens, or the model's last position, was reached
  kCaller,  // the token sink returned false
};

struct Generation {
  std::vector<TokenId> tokens;
  Ending ending = Ending::kLength;
};

// Called with each token as it is chosen and the index of its sequence. Returning false ends the
// sequence after this token.
using TokenSink = std::function<bool(std::size_t sequence, TokenId token)>;

class Generator {
 public:
  // `beginning` is as in SharedBeginning. The model must outlive the generator. Throws ConfigError
  // under FSDP (`parallel.fsdp`).
  Generator(const methods::Prompted& model, const std::function<Sequence(PromptRows)>& beginning);
  explicit Generator(SharedBeginning beginning);

  // Continues each of `sequences`. Every sequence starts with the shared beginning, is not empty,
  // and has no predictions. Throws DataError when one is longer than the model's positions, and
  // NumericsError when logits are not finite.
  [[nodiscard]] std::vector<Generation> run(std::vector<Sequence> sequences,
                                            const GenerationOptions& options,
                                            const TokenSink& on_token = nullptr);

  [[nodiscard]] PromptRows prompt_rows() const { return beginning_.prompt_rows(); }

 private:
  SharedBeginning beginning_;
  nn::KeyValueStore store_;  // of run(), kept so that later calls use the same memory
};

}  // namespace incipit::eval
