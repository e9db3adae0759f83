// BLEU (Papineni et al. 2002) as sacrebleu 2 computes it by default: tokenizer 13a, 4-grams,
// exponential smoothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::data {

// Returns the tokens of mteval-v13a.
[[nodiscard]] std::vector<std::string> bleu_tokens(std::string_view text);

// Length of the answer and of the reference closest to it in length, then, per order, the n-grams
// that are in a reference and all n-grams.
inline constexpr std::size_t kBleuStatistics = 10;
[[nodiscard]] std::vector<double> bleu_statistics(std::string_view answer,
                                                  std::span<const std::string> references);

// Returns the score, in [0, 1], of the statistics' sums over a corpus.
[[nodiscard]] double bleu_score(std::span<const double> sums);

}  // namespace incipit::data
