// Metrics of free answers against references.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace incipit::data {

// A metric that is a function of per-example statistics, summed over the examples. So it can be
// computed on any sample of them (eval/bootstrap.h).
struct TextMetric {
  std::string name;
  std::string title;      // as tables show it: "BLEU"
  std::size_t width = 1;  // number of statistics of an example
  bool is_share = false;  // a share of examples that are right
  // Returns the statistics of an answer; there is at least one reference.
  std::vector<double> (*statistics)(std::string_view answer,
                                    std::span<const std::string> references) = nullptr;
  // Returns the score, in [0, 1], of the statistics' sums over `examples` > 0 examples.
  double (*score)(std::span<const double> sums, std::int64_t examples) = nullptr;
};

// All of them:
//   text_exact_match  share of answers that equal a reference after normalization as for SQuAD
//   text_f1           mean F1 of the answer's words against the best reference, so normalized
//   numeric_match     share of answers whose last number is that of a reference (number_text.h)
//   rouge_l           mean ROUGE-L F of the best reference, as rouge-score without stemming
//   entity_f1         F1 of the entities of all answers together (micro-averaged), as seqeval
//                     (data/entities.h); texts are lists of entities
//   bleu, chrf        of all answers together, as sacrebleu (data/bleu.h, data/chrf.h)
[[nodiscard]] const std::vector<TextMetric>& text_metrics();

// Returns the metric of this name, or nullptr.
[[nodiscard]] const TextMetric* find_text_metric(std::string_view name);

// Returns the statistics of all answers, one after the other. `texts` and `references` have the
// same size.
[[nodiscard]] std::vector<double> statistics_of(
    const TextMetric& metric, std::span<const std::string> texts,
    std::span<const std::vector<std::string>> references);

// Returns the score of statistics_of(); NaN if there are none.
[[nodiscard]] double score_of(const TextMetric& metric, std::span<const double> statistics);

}  // namespace incipit::data
