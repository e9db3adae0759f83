// Confusion matrix.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace incipit::eval {

class Confusion {
 public:
  // Classes are 0 .. classes-1. The spans have the same size.
  Confusion(int classes, std::span<const int> predictions, std::span<const int> labels);

  [[nodiscard]] int classes() const { return classes_; }
  // Examples labelled `label` and predicted as `prediction`.
  [[nodiscard]] std::int64_t count(int label, int prediction) const;
  [[nodiscard]] std::int64_t labelled(int label) const { return labelled_[label]; }
  [[nodiscard]] std::int64_t predicted(int prediction) const { return predicted_[prediction]; }
  [[nodiscard]] std::int64_t right() const;
  [[nodiscard]] std::int64_t total() const;
  // The most frequent label; of several, the first.
  [[nodiscard]] int majority() const;

  // Nothing where the denominator is 0. F1 is 2 right / (labelled + predicted).
  [[nodiscard]] std::optional<double> precision(int label) const;
  [[nodiscard]] std::optional<double> recall(int label) const;
  [[nodiscard]] std::optional<double> f1(int label) const;

 private:
  int classes_;
  // Counts above 0 by (label, prediction). Sparse, since free-text answers may have many classes.
  std::map<std::pair<int, int>, std::int64_t> counts_;
  std::vector<std::int64_t> labelled_;
  std::vector<std::int64_t> predicted_;
};

}  // namespace incipit::eval
