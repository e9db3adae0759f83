// Which labels are taken for which.
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
  // Classes are 0 .. classes-1; the spans are of one size.
  Confusion(int classes, std::span<const int> predictions, std::span<const int> labels);

  [[nodiscard]] int classes() const { return classes_; }
  // Examples labelled `label` and predicted as `prediction`.
  [[nodiscard]] std::int64_t count(int label, int prediction) const;
  [[nodiscard]] std::int64_t labelled(int label) const { return labelled_[label]; }
  [[nodiscard]] std::int64_t predicted(int prediction) const { return predicted_[prediction]; }
  [[nodiscard]] std::int64_t right() const;
  [[nodiscard]] std::int64_t total() const;
  // The label of most examples; of several, the first.
  [[nodiscard]] int majority() const;

  // Nothing where they are a share of no examples. F1 is 2 right / (labelled + predicted).
  [[nodiscard]] std::optional<double> precision(int label) const;
  [[nodiscard]] std::optional<double> recall(int label) const;
  [[nodiscard]] std::optional<double> f1(int label) const;

 private:
  int classes_;
  // Of (label, prediction), where there are any: answers in words may be of many kinds.
  std::map<std::pair<int, int>, std::int64_t> counts_;
  std::vector<std::int64_t> labelled_;
  std::vector<std::int64_t> predicted_;
};

}  // namespace incipit::eval
