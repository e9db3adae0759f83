#include "report/figures.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

namespace incipit::report {
namespace {

std::optional<double> score_of(const EvaluatedExample& prediction, const std::string& label) {
  for (const auto& [name, score] : prediction.scores) {
    if (name == label) return score;
  }
  return std::nullopt;
}

// Returns the softmax probability of `score` among the scores of all labels.
double probability(const EvaluatedExample& prediction, double score) {
  double highest = -std::numeric_limits<double>::infinity();
  for (const auto& [name, each] : prediction.scores) highest = std::max(highest, each);
  double sum = 0;
  for (const auto& [name, each] : prediction.scores) sum += std::exp(each - highest);
  return std::exp(score - highest) / sum;
}

}  // namespace

bool is_labelled(const std::vector<EvaluatedExample>& predictions) {
  return std::any_of(predictions.begin(), predictions.end(),
                     [](const EvaluatedExample& each) { return !each.label.empty(); });
}

std::string most_frequent_label(const std::vector<EvaluatedExample>& predictions) {
  std::map<std::string, std::int64_t> counts;
  std::string most;
  for (const EvaluatedExample& each : predictions) {
    if (!each.label.empty()) ++counts[each.label];
  }
  for (const EvaluatedExample& each : predictions) {
    if (!each.label.empty() && (most.empty() || counts[each.label] > counts[most])) {
      most = each.label;
    }
  }
  return most;
}

std::vector<std::string> labels_of(const std::vector<EvaluatedExample>& predictions) {
  std::vector<std::string> labels;
  std::set<std::string> seen;
  const auto add = [&](const std::string& label) {
    if (seen.insert(label).second) labels.push_back(label);
  };
  for (const EvaluatedExample& each : predictions) {
    for (const auto& [label, score] : each.scores) add(label);
  }
  for (const EvaluatedExample& each : predictions) {
    if (!each.label.empty()) add(each.label);
    add(each.prediction);  // a model may answer ""
  }
  return labels;
}

SplitFigures figures_of(const std::string& split, const std::vector<EvaluatedExample>& predictions,
                        const std::string& majority_label) {
  const std::vector<std::string> labels = labels_of(predictions);
  std::map<std::string, int> class_of;
  for (std::size_t c = 0; c < labels.size(); ++c) class_of[labels[c]] = static_cast<int>(c);
  std::vector<int> predicted;
  std::vector<int> labelled;
  for (const EvaluatedExample& each : predictions) {
    if (each.label.empty()) continue;
    predicted.push_back(class_of[each.prediction]);
    labelled.push_back(class_of[each.label]);
  }
  SplitFigures figures{
      .split = split,
      .labels = labels,
      .confusion = eval::Confusion(static_cast<int>(labels.size()), predicted, labelled),
      .accuracy = data::accuracy(predicted, labelled),
      .accuracy_95 = {},
      .macro_f1 = data::macro_f1(predicted, labelled),
      .majority_label = majority_label.empty() ? most_frequent_label(predictions) : majority_label,
      .majority_share = 0};
  const eval::Confusion& confusion = figures.confusion;
  figures.accuracy_95 = data::wilson_interval(confusion.right(), confusion.total());
  const auto majority = class_of.find(figures.majority_label);
  if (majority != class_of.end()) {
    figures.majority_share = static_cast<double>(confusion.labelled(majority->second)) /
                             static_cast<double>(confusion.total());
  }
  return figures;
}

namespace {

// Returns for each label the mean probability of the label over the examples that have it.
std::map<std::string, double> usual_confidence(const std::vector<EvaluatedExample>& predictions) {
  std::map<std::string, std::pair<double, std::int64_t>> sums;
  for (const EvaluatedExample& each : predictions) {
    const auto score = score_of(each, each.label);
    if (each.label.empty() || !score) continue;
    sums[each.label].first += probability(each, *score);
    ++sums[each.label].second;
  }
  std::map<std::string, double> means;
  for (const auto& [label, sum] : sums) means[label] = sum.first / static_cast<double>(sum.second);
  return means;
}

// Returns the labels of which the model finds at least half: of others it has no doubts to tell.
std::set<std::string> recognised(const std::vector<EvaluatedExample>& predictions) {
  std::map<std::string, std::int64_t> balance;  // right less wrong answers
  for (const EvaluatedExample& each : predictions) balance[each.label] += each.wrong() ? -1 : 1;
  std::set<std::string> labels;
  for (const auto& [label, more_right] : balance) {
    if (more_right >= 0) labels.insert(label);
  }
  return labels;
}

// A model that answers no better than always the same says nothing about the labels.
bool is_better_than_majority(const std::vector<EvaluatedExample>& predictions) {
  if (!is_labelled(predictions)) return false;
  const SplitFigures figures = figures_of("", predictions, "");
  return figures.accuracy_95.low > figures.majority_share;
}

}  // namespace

std::vector<WrongAnswer> worst_errors(const std::vector<EvaluatedExample>& predictions,
                                      std::size_t most) {
  std::vector<WrongAnswer> errors;
  const auto usual = usual_confidence(predictions);
  const bool learned = is_better_than_majority(predictions);
  const auto known = recognised(predictions);
  for (const EvaluatedExample& each : predictions) {
    const auto given = score_of(each, each.prediction);
    const auto right = score_of(each, each.label);
    if (!each.wrong() || !given || !right) continue;
    const auto mean = usual.find(each.prediction);
    WrongAnswer& error = errors.emplace_back(
        WrongAnswer{&each, probability(each, *given), probability(each, *right)});
    error.doubts_label =
        learned && known.contains(each.label) && mean != usual.end() && error.given >= mean->second;
  }
  std::stable_sort(errors.begin(), errors.end(), [](const WrongAnswer& a, const WrongAnswer& b) {
    return a.given - a.right > b.given - b.right;
  });
  errors.resize(std::min(errors.size(), most));
  return errors;
}

}  // namespace incipit::report
