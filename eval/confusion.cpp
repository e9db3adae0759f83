#include "eval/confusion.h"

#include <numeric>

#include "core/check.h"

namespace incipit::eval {
namespace {

std::optional<double> share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Confusion::Confusion(int classes, std::span<const int> predictions, std::span<const int> labels)
    : classes_(classes),
      labelled_(static_cast<std::size_t>(classes)),
      predicted_(static_cast<std::size_t>(classes)) {
  INCIPIT_CHECK(predictions.size() == labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    INCIPIT_CHECK(labels[i] >= 0 && labels[i] < classes && predictions[i] >= 0 &&
                  predictions[i] < classes);
    ++counts_[{labels[i], predictions[i]}];
    ++labelled_[labels[i]];
    ++predicted_[predictions[i]];
  }
}

std::int64_t Confusion::count(int label, int prediction) const {
  const auto found = counts_.find({label, prediction});
  return found == counts_.end() ? 0 : found->second;
}

std::int64_t Confusion::right() const {
  std::int64_t sum = 0;
  for (int label = 0; label < classes_; ++label) sum += count(label, label);
  return sum;
}

std::int64_t Confusion::total() const {
  return std::accumulate(labelled_.begin(), labelled_.end(), std::int64_t{0});
}

int Confusion::majority() const {
  int most = 0;
  for (int label = 1; label < classes_; ++label) {
    if (labelled(label) > labelled(most)) most = label;
  }
  return most;
}

std::optional<double> Confusion::precision(int label) const {
  return share(count(label, label), predicted(label));
}

std::optional<double> Confusion::recall(int label) const {
  return share(count(label, label), labelled(label));
}

std::optional<double> Confusion::f1(int label) const {
  return share(2 * count(label, label), labelled(label) + predicted(label));
}

}  // namespace incipit::eval
