#include "data/task_options.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "data/task_metrics.h"
#include "data/template.h"

namespace incipit::data {
namespace {

using Problems = std::vector<OptionProblem>;

std::string quoted(const std::string& word) { return "'" + word + "'"; }

void check_template(const TaskOptions& t, Problems& problems) {
  if (t.source_template.empty()) {
    problems.push_back({"template", "is missing: give the text that the model is to continue"});
    return;
  }
  try {
    const Template parsed(t.source_template);
    if (t.truncate.kind == TruncateOptions::Kind::kField && !parsed.has_field(t.truncate.field)) {
      problems.push_back({"truncate.field", quoted(t.truncate.field) +
                                                " is no field of the template, which has " +
                                                join(parsed.fields()) +
                                                did_you_mean(t.truncate.field, parsed.fields())});
    }
  } catch (const ConfigError& error) {
    problems.push_back({"template", error.what()});
  }
}

void check_target(const TaskOptions& t, Problems& problems) {
  if (t.target.empty()) {
    if (t.verbalizer.empty()) {
      problems.push_back({"verbalizer",
                          "is missing: give the text of every label, as in {yes: \" Yes\", no: "
                          "\" No\"}, or `target` for a task that generates its answers"});
    }
    return;
  }
  if (!t.verbalizer.empty()) {
    problems.push_back({"target", "cannot stand beside a verbalizer: give one of the two"});
  }
  try {
    const Template parsed(t.target);
  } catch (const ConfigError& error) {
    problems.push_back({"target", error.what()});
  }
}

void check_verbalizer(const TaskOptions& t, Problems& problems) {
  if (t.verbalizer.empty()) return;
  std::vector<std::string> labels;
  for (const auto& [label, text] : t.verbalizer) {
    const std::string key = "verbalizer." + label;
    if (text.empty()) problems.push_back({key, "is empty: a label needs a text"});
    if (std::count(labels.begin(), labels.end(), label) > 0) {
      problems.push_back({key, "occurs twice"});
    }
    labels.push_back(label);
    if (!t.labels.empty() && std::count(t.labels.begin(), t.labels.end(), label) == 0) {
      problems.push_back({key, "is no label of this task, which has " + join(t.labels) +
                                   did_you_mean(label, t.labels)});
    }
  }
  for (const auto& label : t.labels) {
    if (std::count(labels.begin(), labels.end(), label) > 0) continue;
    problems.push_back({"verbalizer", "has no text for the label " + quoted(label)});
  }
  if (labels.size() < 2) {
    problems.push_back({"verbalizer", "has one label, and needs at least two to choose from"});
  }
}

void check_metrics(const TaskOptions& t, Problems& problems) {
  for (const auto& name : t.metrics) {
    const auto& known = metric_names();
    if (std::count(known.begin(), known.end(), name) > 0) continue;
    problems.push_back({"metrics", quoted(name) + " is no metric; there are " + join(known) +
                                       did_you_mean(name, known)});
  }
}

void check_numbers(const TaskOptions& t, Problems& problems) {
  const auto at_least_0 = [&](std::int64_t value, const std::string& key) {
    if (value < 0) problems.push_back({key, "must be at least 0, is " + std::to_string(value)});
  };
  at_least_0(t.max_source_tokens, "max_source_tokens");
  at_least_0(t.shots, "shots");
  at_least_0(t.max_bad_records, "max_bad_records");
  if (t.select.file.empty() && !(t.select.share >= 0 && t.select.share < 1)) {
    problems.push_back({"select", "must be the name of a file or a share of train in [0, 1)"});
  }
}

}  // namespace

std::vector<OptionProblem> validate(const TaskOptions& options) {
  Problems problems;
  check_template(options, problems);
  check_target(options, problems);
  check_verbalizer(options, problems);
  check_metrics(options, problems);
  check_numbers(options, problems);
  if (options.shots > 0 && options.train.empty()) {
    problems.push_back({"shots", "needs `train`, from which demonstrations are drawn"});
  }
  if (!options.system.empty() && options.format != Format::kChat) {
    problems.push_back({"system", "needs `format: chat`"});
  }
  if (options.label_field.empty()) problems.push_back({"label_field", "is empty"});
  return problems;
}

}  // namespace incipit::data
