#include "report/learning_curve.h"

#include <algorithm>

#include "report/run_names.h"

namespace incipit::report {
namespace {

// Returns the number of training examples; 0: unknown.
std::int64_t training_examples(const RunData& run) {
  if (run.config->train.examples > 0) return run.config->train.examples;
  const auto train = run.manifest.splits.find("train");
  return train == run.manifest.splits.end() ? 0 : train->second.examples;
}

// Returns the key that the methods of a curve share.
std::string curve_key(const configs::RunConfig& config) {
  configs::RunConfig same = config;
  same.train.examples = 0;
  if (same.train.epochs > 0) same.train.steps = 0;
  return method_key(same);
}

}  // namespace

std::vector<LearningCurve> learning_curves(std::span<const RunData> runs,
                                           const Comparison& comparison) {
  std::vector<std::string> keys;
  std::vector<LearningCurve> curves;
  std::vector<std::vector<std::size_t>> members;  // runs of each curve
  for (std::size_t m = 0; m < comparison.methods.size(); ++m) {
    const std::vector<std::size_t>& own = comparison.methods[m].runs;
    if (own.empty()) continue;
    const RunData& first = runs[own.front()];
    if (!first.config || !first.config->method.trains()) continue;
    const std::int64_t examples = training_examples(first);
    if (examples == 0) continue;
    const std::string key = curve_key(*first.config);
    const auto place = std::find(keys.begin(), keys.end(), key) - keys.begin();
    const auto c = static_cast<std::size_t>(place);
    if (c == keys.size()) {
      keys.push_back(key);
      curves.emplace_back();
      members.emplace_back();
    }
    curves[c].points.push_back({examples, m});
    members[c].insert(members[c].end(), own.begin(), own.end());
  }
  std::vector<LearningCurve> found;
  std::vector<std::vector<std::size_t>> found_members;
  for (std::size_t c = 0; c < curves.size(); ++c) {
    std::vector<CurvePoint>& points = curves[c].points;
    std::stable_sort(points.begin(), points.end(), [](const CurvePoint& a, const CurvePoint& b) {
      return a.examples < b.examples;
    });
    if (points.front().examples == points.back().examples) continue;
    found.push_back(std::move(curves[c]));
    found_members.push_back(std::move(members[c]));
  }
  const std::vector<std::string> names = method_names(runs, found_members);
  for (std::size_t c = 0; c < found.size(); ++c) found[c].name = names[c];
  return found;
}

}  // namespace incipit::report
