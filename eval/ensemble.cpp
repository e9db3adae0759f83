#include "eval/ensemble.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"
#include "eval/content_free.h"

namespace incipit::eval {
namespace {

// Adds each candidate's probability to `sums`.
void add_probabilities(std::vector<double> scores, std::vector<double>& sums) {
  normalize(scores);
  for (std::size_t c = 0; c < scores.size(); ++c) sums[c] += std::exp(scores[c]);
}

// Adds an example's answer, the candidate that comes last by `less`.
template <typename Less>
void add_answer(const data::Example& example, std::vector<double> scores, const Less& less,
                Scores& to) {
  std::size_t best = 0;
  for (std::size_t c = 1; c < scores.size(); ++c) {
    if (less(best, c)) best = c;
  }
  to.scores.push_back(std::move(scores));
  to.predictions.push_back(static_cast<int>(best));
  to.texts.push_back((*example.candidates)[best].label);
}

}  // namespace

Ensemble combine(std::string name, std::vector<std::size_t> members,
                 std::span<const SplitResult> all, const data::Task& task,
                 const data::Dataset& split) {
  INCIPIT_CHECK(!members.empty());
  Ensemble ensemble{std::move(name), std::move(members), {}, {}};
  const auto count = static_cast<double>(ensemble.members.size());
  for (std::int64_t i = 0; i < split.size(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    const data::Example example = split[i];
    std::vector<double> votes(example.candidates->size(), 0);
    std::vector<double> means(votes.size(), 0);
    for (const std::size_t member : ensemble.members) {
      const Scores& scores = all[member].scores;
      votes.at(static_cast<std::size_t>(scores.predictions.at(index))) += 1 / count;
      add_probabilities(scores.scores.at(index), means);
    }
    for (double& mean : means) mean = std::log(mean / count);
    add_answer(
        example, votes,
        [&](std::size_t a, std::size_t b) {
          const double more = votes[b] - votes[a];
          const bool equal = std::abs(more) < 0.5 / count;
          return equal ? means[a] < means[b] : more > 0;
        },
        ensemble.vote.scores);
    add_answer(
        example, means, [&](std::size_t a, std::size_t b) { return means[a] < means[b]; },
        ensemble.mean.scores);
  }
  for (SplitResult* result : {&ensemble.vote, &ensemble.mean}) {
    result->labels = task.labels();
    add_metrics(task, split, *result);
  }
  return ensemble;
}

std::vector<Ensemble> ensembles_of(std::span<const std::string> settings,
                                   std::span<const SplitResult> all, const data::Task& task,
                                   const data::Dataset& split) {
  std::vector<Ensemble> ensembles;
  for (std::size_t first = 0; first < settings.size();) {
    const std::string& setting = settings[first];
    std::vector<std::size_t> members;
    while (first < settings.size() && settings[first] == setting) members.push_back(first++);
    if (members.size() < 2 || all[members.front()].scores.scores.empty()) continue;
    ensembles.push_back(combine(setting, std::move(members), all, task, split));
  }
  return ensembles;
}

void append_results(std::span<const Ensemble> ensembles, const std::string& split,
                    const data::Dataset& dataset, std::vector<TaskResults>& results) {
  const auto append = [&](const std::string& name, const SplitResult& result) {
    auto found = std::find_if(results.begin(), results.end(),
                              [&](const TaskResults& known) { return known.task == name; });
    if (found == results.end()) found = results.insert(found, TaskResults{name, {}});
    found->splits.push_back({split, &dataset, &result});
  };
  for (const Ensemble& each : ensembles) {
    const std::string prefix = each.name.empty() ? "" : each.name + "-";
    append(prefix + "vote", each.vote);
    append(prefix + "mean_probability", each.mean);
  }
}

}  // namespace incipit::eval
