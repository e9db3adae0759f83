#include "data/text_metrics.h"

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "data/answer_text.h"
#include "data/bleu.h"
#include "data/chrf.h"
#include "data/entities.h"
#include "data/number_text.h"

namespace incipit::data {
namespace {

using References = std::span<const std::string>;

double mean(std::span<const double> sums, std::int64_t examples) {
  return sums[0] / static_cast<double>(examples);
}

bool numeric_match(std::string_view answer, References references) {
  const auto number = last_number(answer);
  return number && std::any_of(references.begin(), references.end(), [&](const std::string& each) {
           return last_number(each) == number;
         });
}

std::vector<TextMetric> make_metrics() {
  using Statistics = std::vector<double>;
  return {{.name = "text_exact_match",
           .title = "exact match",
           .is_share = true,
           .statistics = [](std::string_view answer, References references) -> Statistics {
             return {text_exact_match(answer, references) ? 1.0 : 0.0};
           },
           .score = mean},
          {.name = "text_f1",
           .title = "word F1",
           .statistics = [](std::string_view answer, References references) -> Statistics {
             return {text_f1(answer, references)};
           },
           .score = mean},
          {.name = "numeric_match",
           .title = "numeric match",
           .is_share = true,
           .statistics = [](std::string_view answer, References references) -> Statistics {
             return {numeric_match(answer, references) ? 1.0 : 0.0};
           },
           .score = mean},
          {.name = "rouge_l",
           .title = "ROUGE-L",
           .statistics = [](std::string_view answer, References references) -> Statistics {
             return {rouge_l(answer, references)};
           },
           .score = mean},
          {.name = "entity_f1",
           .title = "entity F1",
           .width = 3,
           .statistics = [](std::string_view answer, References references) -> Statistics {
             return entity_counts(answer, references.front());
           },
           .score = [](std::span<const double> sums, std::int64_t) { return entity_f1(sums); }},
          {.name = "bleu",
           .title = "BLEU",
           .width = kBleuStatistics,
           .statistics = bleu_statistics,
           .score = [](std::span<const double> sums, std::int64_t) { return bleu_score(sums); }},
          {.name = "chrf",
           .title = "chrF",
           .width = kChrfStatistics,
           .statistics = chrf_statistics,
           .score = [](std::span<const double> sums, std::int64_t) { return chrf_score(sums); }}};
}

}  // namespace

const std::vector<TextMetric>& text_metrics() {
  static const std::vector<TextMetric> metrics = make_metrics();
  return metrics;
}

const TextMetric* find_text_metric(std::string_view name) {
  const auto& metrics = text_metrics();
  const auto found = std::find_if(metrics.begin(), metrics.end(),
                                  [&](const TextMetric& each) { return each.name == name; });
  return found == metrics.end() ? nullptr : &*found;
}

std::vector<double> statistics_of(const TextMetric& metric, std::span<const std::string> texts,
                                  std::span<const std::vector<std::string>> references) {
  INCIPIT_CHECK(texts.size() == references.size());
  std::vector<double> all;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<double> own = metric.statistics(texts[i], references[i]);
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

double score_of(const TextMetric& metric, std::span<const double> statistics) {
  if (statistics.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sums(metric.width);
  for (std::size_t i = 0; i < statistics.size(); ++i) sums[i % metric.width] += statistics[i];
  return metric.score(sums, static_cast<std::int64_t>(statistics.size() / metric.width));
}

}  // namespace incipit::data
