#include "report/comparison.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "data/task_metrics.h"
#include "methods/registry.h"
#include "report/figures.h"
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
  if (!is_labelled(*test)) {
    throw ConfigError((run.dir / "predictions" / "test.jsonl").string() +
                      ": has no labels to compare by; report on this run only");
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
  }
}

// Returns the key that runs of one method share: all but the blocks `run`, `metrics` and `log`.
std::string method_key(const configs::RunConfig& config) {
  configs::RunConfig same = config;
  same.run = {};
  same.metrics = {};
  same.log = {};
  return configs::resolved_yaml(same);
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

// Returns the common name: "rte" for "rte-seed-17" and "rte-seed-18". If nothing is common, the
// first.
std::string common_name(std::span<const RunData> runs, const std::vector<std::size_t>& members) {
  const std::string& first = runs[members[0]].name;
  std::size_t length = first.size();
  for (const std::size_t r : members) {
    const std::string& other = runs[r].name;
    const auto end = std::mismatch(first.begin(), first.end(), other.begin(), other.end()).first;
    length = std::min(length, static_cast<std::size_t>(end - first.begin()));
  }
  if (length == first.size()) return first;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (is_digit(first[length])) {  // the names diverge within a number
    while (length > 0 && is_digit(first[length - 1])) --length;
  }
  std::string name = first.substr(0, length);
  const auto trim = [&] { name.erase(name.find_last_not_of("-_. ") + 1); };
  trim();
  if (name.ends_with("seed")) name.erase(name.size() - 4);
  trim();
  return name.empty() ? first : name;
}

// Returns 1 or 0 for each labelled example; the others are skipped.
std::vector<double> right_by_example(const Predictions& predictions) {
  std::vector<double> right;
  for (const EvaluatedExample& each : predictions) {
    if (!each.label.empty()) right.push_back(each.wrong() ? 0 : 1);
  }
  return right;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Method method_of(std::span<const RunData> runs, const std::vector<std::size_t>& members) {
  Method method;
  method.name = common_name(runs, members);
  method.runs = members;
  const RunData& first = runs[members[0]];
  if (first.config) method.description = method_description(*first.config);
  for (const std::size_t r : members) {
    const std::vector<double> right = right_by_example(test_predictions(runs[r]));
    method.accuracies.push_back(mean_of(right));
    method.right.resize(right.size());
    for (std::size_t i = 0; i < right.size(); ++i) {
      method.right[i] += right[i] / static_cast<double>(members.size());
    }
  }
  return method;
}

Method majority_method(const Predictions& predictions, const std::string& label) {
  Method method;
  method.name = "majority";
  method.description = "always '" + label + "'";
  for (const EvaluatedExample& each : predictions) {
    if (!each.label.empty()) method.right.push_back(each.label == label ? 1 : 0);
  }
  method.accuracies.push_back(mean_of(method.right));
  return method;
}

void add_interval(Method& method, const eval::MeanInterval& bootstrap) {
  method.accuracy = mean_of(method.accuracies);
  method.low = bootstrap.low;
  method.high = bootstrap.high;
  if (method.accuracies.size() > 1) return;
  const auto examples = static_cast<std::int64_t>(method.right.size());
  const auto right = std::accumulate(method.right.begin(), method.right.end(), 0.0);
  const data::Interval wilson =
      data::wilson_interval(static_cast<std::int64_t>(right + 0.5), examples);
  method.low = wilson.low;
  method.high = wilson.high;
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

std::string method_description(const configs::RunConfig& config) {
  std::string text = methods::prompt_title(config.method);
  if (text.empty() && config.task.shots == 0) text = "zero-shot";
  if (config.task.shots > 0) {
    text += (text.empty() ? "" : ", ") + telemetry::grouped(config.task.shots) +
            (config.task.shots == 1 ? " few-shot example" : " few-shot examples");
  }
  return config.task.format == data::Format::kChat ? text + ", chat" : text;
}

Comparison compare(std::span<const RunData> runs, const std::string& majority_label) {
  const Predictions& first = test_predictions(runs[0]);
  for (const RunData& run : runs.subspan(1)) require_same_examples(runs[0], run);
  Comparison comparison;
  comparison.majority_label = majority_label.empty() ? most_frequent_label(first) : majority_label;
  comparison.methods.push_back(majority_method(first, comparison.majority_label));
  for (const Grouping& each : group(runs)) comparison.methods.push_back(method_of(runs, each.runs));
  comparison.examples = comparison.methods[0].right.size();
  comparison.mixed_types = mixed_types_of(runs);

  std::vector<std::vector<double>> right;
  for (const Method& method : comparison.methods) right.push_back(method.right);
  const eval::PairedBootstrap bootstrap(right);
  for (std::size_t m = 0; m < right.size(); ++m) {
    Method& method = comparison.methods[m];
    add_interval(method, bootstrap.mean(m));
    if (method.accuracy > comparison.methods[comparison.best].accuracy) comparison.best = m;
    auto& gains = comparison.gains.emplace_back();
    for (std::size_t over = 0; over < right.size(); ++over) {
      gains.push_back(bootstrap.gain(m, over));
    }
  }
  return comparison;
}

}  // namespace incipit::report
