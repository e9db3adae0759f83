#include "eval/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "core/check.h"

namespace incipit::eval {

double candidate_mass(const Likelihoods& likelihoods) {
  double sum = 0;
  for (const auto& row : likelihoods) {
    double own = 0;
    for (const double value : row) own += std::exp(value);
    sum += std::min(own, 1.0);  // above 1 if one candidate begins another
  }
  return likelihoods.empty() ? 0 : sum / static_cast<double>(likelihoods.size());
}

double calibration_error(const Likelihoods& scores, std::span<const int> labels) {
  INCIPIT_CHECK(scores.size() == labels.size());
  constexpr std::size_t kBins = 10;
  std::array<double, kBins> difference{};  // confidence minus right answers
  for (std::size_t i = 0; i < scores.size(); ++i) {
    std::vector<double> row = scores[i];
    normalize(row);
    const auto best = std::max_element(row.begin(), row.end());
    const double confidence = std::exp(*best);
    const auto bin = std::min(static_cast<std::size_t>(confidence * kBins), kBins - 1);
    difference[bin] += confidence - (best - row.begin() == labels[i] ? 1.0 : 0.0);
  }
  double sum = 0;
  for (const double each : difference) sum += std::abs(each);
  return scores.empty() ? 0 : sum / static_cast<double>(scores.size());
}

}  // namespace incipit::eval
