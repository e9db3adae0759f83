// Curves of a method's score against a quantity in which its runs differ: the number of training
// examples (learning curves), or the number of parameters of the model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "report/comparison.h"

namespace incipit::report {

enum class CurveAxis { kTrainingExamples, kModelParameters };

struct CurvePoint {
  std::int64_t x = 0;      // the number of examples or parameters
  std::size_t method = 0;  // index into Comparison::methods
};

// Methods that differ only in what the axis shows.
struct ScoreCurve {
  std::string name;
  std::vector<CurvePoint> points;  // by x, ascending; at least two different numbers
};

// Returns the curves of a comparison along an axis, in the order of their first runs. Skips runs
// without a configuration or of an unknown number. Of training examples: skips runs without
// training too, and steps that train.epochs decides may differ. Of model parameters: the blocks
// `model` and `parallel` may differ.
[[nodiscard]] std::vector<ScoreCurve> score_curves(std::span<const RunData> runs,
                                                   const Comparison& comparison, CurveAxis axis);

}  // namespace incipit::report
