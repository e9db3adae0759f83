// Learning curves: the score of a method against the number of training examples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "report/comparison.h"

namespace incipit::report {

struct CurvePoint {
  std::int64_t examples = 0;  // of the training split
  std::size_t method = 0;     // index into Comparison::methods
};

// Methods that differ only in train.examples.
struct LearningCurve {
  std::string name;
  std::vector<CurvePoint> points;  // by examples, ascending; at least two different numbers
};

// Returns the curves of a comparison, in the order of their first runs. Steps that train.epochs
// decides may differ. Skips runs without a configuration, without training or of an unknown number
// of examples.
[[nodiscard]] std::vector<LearningCurve> learning_curves(std::span<const RunData> runs,
                                                         const Comparison& comparison);

}  // namespace incipit::report
