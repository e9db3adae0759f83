// A text in the place of a soft prompt: the one, found by search, after which the model answers
// most like after the prompt.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/tokenizer/tokenizer.h"
#include "explain/answer_losses.h"
#include "explain/explanation.h"

namespace incipit::explain {

struct WordSearch {
  std::int64_t tokens = 0;     // length of the text
  std::vector<TokenId> start;  // what the search begins with, repeated or cut; not empty
  std::int64_t rounds = 20;
  std::int64_t tries = 8;  // texts that are evaluated in a round
  std::uint64_t seed = 0;  // of the tries and of the random text
  std::function<void(std::int64_t done, std::int64_t total)> on_progress{};
};

// Returns the text with the smallest mean Kullback-Leibler divergence KL(prompt || text), in nats,
// of the answers' probabilities over the examples' candidates; beside it the start and a random
// text of the same length. A round takes the gradient of the divergence with respect to the text's
// embeddings, draws changes of one token among those that the gradient favours most, and keeps the
// best if it is better (greedy coordinate gradient, Zou et al. 2023; HotFlip, Ebrahimi et al.
// 2018). Only texts that the tokenizer reads back as the same tokens count; a start that is none is
// read again until it is one, or replaced by a random text. Every example must have candidates.
[[nodiscard]] InWords in_words(const Subject& subject, const methods::Contribution& prompt,
                               const WordSearch& search);

}  // namespace incipit::explain
