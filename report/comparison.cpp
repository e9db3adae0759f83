#include "report/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "data/task_metrics.h"
#include "methods/registry.h"
#include "report/figures.h"
#include "report/run_names.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

using Predictions = std::vector<EvaluatedExample>;

const Predictions& test_predictions(const RunData& run) {
  const Predictions* test = run.of_split("test");
  if (test == nullptr) {
    throw ConfigError(run.dir.string() +
                      ": has no predictions/test.jsonl to compare; score it with incipit eval, "
                      "or report on this run only");
  }
  if (!is_labelled(*test) && !is_free_text(*test)) {
    throw ConfigError((run.dir / "predictions" / "test.jsonl").string() +
                      ": has no labels or references to compare by; report on this run only");
  }
  return *test;
}

// Throws ConfigError that says how the runs' examples differ.
void require_same_examples(const RunData& first, const RunData& other) {
  const Predictions& a = test_predictions(first);
  const Predictions& b = test_predictions(other);
  const auto refuse = [&](const std::string& why) {
    throw ConfigError(other.dir.string() + ": not scored on the test examples of " +
                      first.dir.string() + ": " + why +
                      "; only runs over the same test file can be compared");
  };
  if (a.size() != b.size()) {
    refuse(telemetry::grouped(static_cast<std::int64_t>(b.size())) + " examples, not " +
           telemetry::grouped(static_cast<std::int64_t>(a.size())));
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::string place = "example " + std::to_string(i + 1);
    if (a[i].id != b[i].id) refuse(place + " has idx " + b[i].id + ", not " + a[i].id);
    if (a[i].label != b[i].label) {
      refuse(place + " is labelled '" + b[i].label + "', not '" + a[i].label + "'");
    }
    if (a[i].label.empty() && a[i].references != b[i].references) {
      refuse(place + " has other right answers");
    }
  }
}

struct Grouping {
  std::optional<std::string> key;
  std::set<std::uint64_t> seeds;
  std::vector<std::size_t> runs;
};

std::vector<Grouping> group(std::span<const RunData> runs) {
  std::vector<Grouping> groups;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    if (!runs[r].config) {
      groups.push_back({.key = {}, .seeds = {}, .runs = {r}});
      continue;
    }
    const std::string key = method_key(*runs[r].config);
    const std::uint64_t seed = runs[r].config->run.seed;
    // A repeated seed means that something outside the configuration differs: start another group.
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const Grouping& each) {
      return each.key == key && !each.seeds.contains(seed);
    });
    Grouping& mine = found == groups.end() ? groups.emplace_back() : *found;
    mine.key = key;
    mine.seeds.insert(seed);
    mine.runs.push_back(r);
  }
  return groups;
}

// How answers are measured: free answers by text metrics, the deciding one first; labels, without
// any, by accuracy.
using Metrics = std::vector<const data::TextMetric*>;

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double mean_of_sums(std::span<const double> sums, std::int64_t examples) {
  return sums[0] / static_cast<double>(examples);
}

// Returns 1 or 0 for each labelled example; the others are skipped.
std::vector<double> right_by_example(const Predictions& predictions) {
  std::vector<double> right;
  for (const EvaluatedExample& each : predictions) {
    if (!each.label.empty()) right.push_back(each.wrong() ? 0 : 1);
  }
  return right;
}

// The statistics of one run or baseline, and the score of their sums.
eval::ResampledMethod measured(const Predictions& predictions, const Metrics& metrics) {
  if (metrics.empty()) return {right_by_example(predictions), 1, mean_of_sums};
  const FreeAnswers answers = free_answers(predictions);
  return {data::statistics_of(*metrics[0], answers.texts, answers.references), metrics[0]->width,
          metrics[0]->score};
}

double score_of(const eval::ResampledMethod& method) {
  std::vector<double> sums(method.width);
  for (std::size_t i = 0; i < method.statistics.size(); ++i) {
    sums[i % method.width] += method.statistics[i];
  }
  return method.score(sums, static_cast<std::int64_t>(method.statistics.size() / method.width));
}

// Returns a method whose score is the mean of theirs.
eval::ResampledMethod mean_over_runs(const std::vector<eval::ResampledMethod>& runs) {
  const std::size_t width = runs[0].width;
  const std::size_t examples = runs[0].statistics.size() / width;
  eval::ResampledMethod all{{}, width * runs.size(), {}};
  for (std::size_t i = 0; i < examples; ++i) {
    for (const eval::ResampledMethod& run : runs) {
      const auto own = run.statistics.begin() + static_cast<std::ptrdiff_t>(i * width);
      all.statistics.insert(all.statistics.end(), own, own + static_cast<std::ptrdiff_t>(width));
    }
  }
  all.score = [width, score = runs[0].score](std::span<const double> sums, std::int64_t of) {
    double total = 0;
    for (std::size_t begin = 0; begin < sums.size(); begin += width) {
      total += score(sums.subspan(begin, width), of);
    }
    return total / (static_cast<double>(sums.size()) / static_cast<double>(width));
  };
  return all;
}

std::vector<double> other_scores(const Predictions& predictions, const Metrics& metrics) {
  std::vector<double> scores;
  for (std::size_t m = 1; m < metrics.size(); ++m) {
    const FreeAnswers answers = free_answers(predictions);
    scores.push_back(data::score_of(
        *metrics[m], data::statistics_of(*metrics[m], answers.texts, answers.references)));
  }
  return scores;
}

Method method_of(std::span<const RunData> runs, const std::string& name,
                 const std::vector<std::size_t>& members, const Metrics& metrics) {
  Method method;
  method.name = name;
  method.runs = members;
  const RunData& first = runs[members[0]];
  if (first.config) method.description = method_description(*first.config);
  std::vector<eval::ResampledMethod> each;
  for (const std::size_t r : members) {
    const Predictions& predictions = test_predictions(runs[r]);
    each.push_back(measured(predictions, metrics));
    method.scores.push_back(score_of(each.back()));
    const std::vector<double> others = other_scores(predictions, metrics);
    method.others.resize(others.size());
    for (std::size_t m = 0; m < others.size(); ++m) {
      method.others[m] += others[m] / static_cast<double>(members.size());
    }
  }
  method.resampled = mean_over_runs(each);
  return method;
}

// The baseline that always gives one answer.
Method constant_method(Predictions predictions, const std::string& answer, const Metrics& metrics) {
  for (EvaluatedExample& each : predictions) each.prediction = answer;
  Method method;
  method.name = metrics.empty() ? "majority" : "constant";
  method.description = "always '" + answer + "'";
  method.resampled = measured(predictions, metrics);
  method.scores.push_back(score_of(method.resampled));
  method.others = other_scores(predictions, metrics);
  return method;
}

void add_interval(Method& method, const eval::MeanInterval& bootstrap, bool is_share) {
  method.score = mean_of(method.scores);
  method.low = bootstrap.low;
  method.high = bootstrap.high;
  if (method.scores.size() > 1 || !is_share) return;
  const auto& right = method.resampled.statistics;
  const double sum = std::accumulate(right.begin(), right.end(), 0.0);
  const data::Interval wilson =
      data::wilson_interval(std::llround(sum), static_cast<std::int64_t>(right.size()));
  method.low = wilson.low;
  method.high = wilson.high;
}

Metrics metrics_of(std::span<const RunData> runs) {
  if (is_labelled(test_predictions(runs[0]))) return {};
  const auto described = std::find_if(runs.begin(), runs.end(),
                                      [](const RunData& run) { return run.config.has_value(); });
  return text_metrics_of(described == runs.end() ? runs[0] : *described);
}

void name_metrics(const Metrics& metrics, Comparison& comparison) {
  if (metrics.empty()) return;
  comparison.metric = metrics[0]->name;
  comparison.title = metrics[0]->title;
  for (std::size_t m = 1; m < metrics.size(); ++m) comparison.others.push_back(metrics[m]->title);
}

// Skips runs whose configuration is unknown.
std::string mixed_types_of(std::span<const RunData> runs) {
  std::map<std::string, std::vector<std::string>> by_type;
  for (const RunData& run : runs) {
    if (run.config) by_type[model::dtype_name(run.config->model.dtype)].push_back(run.name);
  }
  if (by_type.size() < 2) return "";
  std::vector<std::string> parts;
  for (const auto& [type, names] : by_type) parts.push_back(type + ": " + join(names));
  return "The runs computed in different types (" + join(parts, "; ") +
         "). Rounding alone can change single answers between them.";
}

}  // namespace

std::string method_key(const configs::RunConfig& config) {
  configs::RunConfig same = config;
  same.run = {};
  same.metrics = {};
  same.log = {};
  same.order = {};
  return configs::resolved_yaml(same);
}

std::string method_description(const configs::RunConfig& config) {
  std::string text = methods::prompt_title(config.method);
  if (text.empty() && config.task.shots == 0) text = "zero-shot";
  if (config.task.shots > 0) {
    text += (text.empty() ? "" : ", ") + telemetry::grouped(config.task.shots) +
            (config.task.shots == 1 ? " few-shot example" : " few-shot examples");
  }
  return config.task.format == data::Format::kChat ? text + ", chat" : text;
}

eval::MeanInterval gain_over_constant(const std::vector<EvaluatedExample>& predictions,
                                      const std::string& constant, const Metrics& metrics) {
  const Method always = constant_method(predictions, constant, metrics);
  return eval::PairedBootstrap({measured(predictions, metrics), always.resampled}).gain(0, 1);
}

Comparison compare(std::span<const RunData> runs, const std::string& majority_label) {
  const Predictions& first = test_predictions(runs[0]);
  for (const RunData& run : runs.subspan(1)) require_same_examples(runs[0], run);
  const Metrics metrics = metrics_of(runs);
  Comparison comparison;
  name_metrics(metrics, comparison);
  if (!metrics.empty()) {
    comparison.majority_label = most_frequent_reference(free_answers(first));
  } else {
    comparison.majority_label =
        majority_label.empty() ? most_frequent_label(first) : majority_label;
  }
  comparison.methods.push_back(constant_method(first, comparison.majority_label, metrics));
  std::vector<std::vector<std::size_t>> members;
  for (const Grouping& each : group(runs)) members.push_back(each.runs);
  const std::vector<std::string> names = method_names(runs, members);
  for (std::size_t m = 0; m < members.size(); ++m) {
    comparison.methods.push_back(method_of(runs, names[m], members[m], metrics));
  }
  const eval::ResampledMethod& baseline = comparison.methods[0].resampled;
  comparison.examples = baseline.statistics.size() / baseline.width;
  comparison.mixed_types = mixed_types_of(runs);

  std::vector<eval::ResampledMethod> resampled;
  for (const Method& method : comparison.methods) resampled.push_back(method.resampled);
  const eval::PairedBootstrap bootstrap(resampled);
  for (std::size_t m = 0; m < resampled.size(); ++m) {
    Method& method = comparison.methods[m];
    add_interval(method, bootstrap.mean(m), metrics.empty() || metrics[0]->is_share);
    if (method.score > comparison.methods[comparison.best].score) comparison.best = m;
    auto& gains = comparison.gains.emplace_back();
    for (std::size_t over = 0; over < resampled.size(); ++over) {
      gains.push_back(bootstrap.gain(m, over));
    }
  }
  return comparison;
}

}  // namespace incipit::report
