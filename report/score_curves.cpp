#include "report/score_curves.h"

#include <algorithm>

#include "core/error.h"
#include "model/weight_files.h"
#include "report/run_names.h"

namespace incipit::report {
namespace {

std::int64_t training_examples(const RunData& run) {
  if (!run.config->method.trains()) return 0;
  if (run.config->train.examples > 0) return run.config->train.examples;
  const auto train = run.manifest.splits.find("train");
  return train == run.manifest.splits.end() ? 0 : train->second.examples;
}

// Runs of earlier versions did not note the number; their model may still be at its path.
std::int64_t model_parameters(const RunData& run) {
  if (run.manifest.parameters > 0) return run.manifest.parameters;
  try {
    return model::WeightFiles(model::resolve_model_dir(run.config->model.path)).parameter_count();
  } catch (const Error&) {
    return 0;
  }
}

// Returns a run's number on the axis; 0: unknown, or the run has no place there.
std::int64_t x_of(const RunData& run, CurveAxis axis) {
  return axis == CurveAxis::kTrainingExamples ? training_examples(run) : model_parameters(run);
}

// Returns the key that the methods of a curve share.
std::string curve_key(configs::RunConfig config, CurveAxis axis) {
  if (axis == CurveAxis::kTrainingExamples) {
    config.train.examples = 0;
    if (config.train.epochs > 0) config.train.steps = 0;
  } else {
    config.model = {};
    config.parallel = {};
  }
  return method_key(config);
}

// A curve that may have a single point.
struct Candidate {
  std::string key;
  std::vector<CurvePoint> points;
  std::vector<std::size_t> runs;
};

std::vector<Candidate> candidates(std::span<const RunData> runs, const Comparison& comparison,
                                  CurveAxis axis) {
  std::vector<Candidate> all;
  for (std::size_t m = 0; m < comparison.methods.size(); ++m) {
    const std::vector<std::size_t>& own = comparison.methods[m].runs;
    if (own.empty() || !runs[own.front()].config) continue;
    const RunData& first = runs[own.front()];
    const std::int64_t x = x_of(first, axis);
    if (x == 0) continue;
    const std::string key = curve_key(*first.config, axis);
    const auto same = std::find_if(all.begin(), all.end(),
                                   [&](const Candidate& each) { return each.key == key; });
    Candidate& curve = same == all.end() ? all.emplace_back() : *same;
    curve.key = key;
    curve.points.push_back({x, m});
    curve.runs.insert(curve.runs.end(), own.begin(), own.end());
  }
  return all;
}

}  // namespace

std::vector<ScoreCurve> score_curves(std::span<const RunData> runs, const Comparison& comparison,
                                     CurveAxis axis) {
  std::vector<ScoreCurve> found;
  std::vector<std::vector<std::size_t>> members;
  for (Candidate& curve : candidates(runs, comparison, axis)) {
    std::stable_sort(curve.points.begin(), curve.points.end(),
                     [](const CurvePoint& a, const CurvePoint& b) { return a.x < b.x; });
    if (curve.points.front().x == curve.points.back().x) continue;
    found.push_back({.name = {}, .points = std::move(curve.points)});
    members.push_back(std::move(curve.runs));
  }
  const std::vector<std::string> names = method_names(runs, members);
  for (std::size_t c = 0; c < found.size(); ++c) found[c].name = names[c];
  return found;
}

}  // namespace incipit::report
