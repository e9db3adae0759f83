// Report page: what ran, and the result.
#include <algorithm>
#include <cmath>

#include "report/distillation_comparison.h"
#include "report/distillation_texts.h"
#include "report/page_parts.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

std::string after_last_slash(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path;
  const std::size_t slash = path.find_last_of('/', end);
  return path.substr(slash == std::string::npos ? 0 : slash + 1, end - (slash + 1) + 1);
}

// "2026-11-24T14:48:31Z" -> "2026-11-24 14:48 UTC"
std::string readable_time(const std::string& utc) {
  constexpr std::size_t kLength = 20;
  if (utc.size() != kLength || utc[10] != 'T' || utc.back() != 'Z') return utc;
  return utc.substr(0, 10) + " " + utc.substr(11, 5) + " UTC";
}

// "+4.1 points (95 %: -0.8 to +9.0), which may be chance."
std::string verdict_on(const eval::MeanInterval& gain) {
  return points(gain.mean) + " points (95 %: " + points(gain.low) + " to " + points(gain.high) +
         "), " + (gain.excludes_zero() ? "more than chance explains." : "which may be chance.");
}

std::string sentence_of_comparison(const Comparison& comparison) {
  const Method& best = comparison.methods[comparison.best];
  std::string text = "On " + telemetry::grouped(static_cast<std::int64_t>(comparison.examples)) +
                     " test examples, " + best.name + " has the highest " + comparison.title +
                     ", " + percent(best.score) + ". ";
  std::size_t next = comparison.best == 0 ? 1 : 0;
  for (std::size_t m = 0; m < comparison.methods.size(); ++m) {
    if (m != comparison.best && comparison.methods[m].score > comparison.methods[next].score) {
      next = m;
    }
  }
  const eval::MeanInterval& gain = comparison.gains[comparison.best][next];
  return text + "Its gain over " + comparison.methods[next].name + ", which comes next, is " +
         verdict_on(gain);
}

std::string sentence_of_answers(const RunFigures& figures) {
  const TextFigures& split = result_split(figures.text_splits);
  const TextScore& score = split.scores.front();
  return "The answers to " + telemetry::grouped(split.examples) + " " + split.split +
         " examples have a " + score.title + " of " + percent(score.value) +
         " (95 %: " + percent_range(score.value_95.low, score.value_95.high) +
         "). Always answering '" + split.constant + "' would have " + percent(score.constant) +
         ". The gain over that, on the same examples, is " + verdict_on(split.gain);
}

std::string sentence_of_run(const RunFigures& figures) {
  if (!figures.text_splits.empty()) return sentence_of_answers(figures);
  if (figures.splits.empty()) return "";
  const SplitFigures& split = result_split(figures.splits);
  return "Of " + telemetry::grouped(split.confusion.total()) + " " + split.split + " examples " +
         percent(split.accuracy) + " are answered correctly (95 %: " +
         percent_range(split.accuracy_95.low, split.accuracy_95.high) + "). Always answering '" +
         split.majority_label + "' would be right in " + percent(split.majority_share) +
         ". The gain over that, on the same examples, is " + verdict_on(split.gain);
}

std::string losses(const RunData& run) {
  for (const auto& [split, scores] : run.scores) {
    for (const auto& [name, value] : scores) {
      if (name == "loss")
        return "Loss on " + split + ": " + telemetry::fixed(value, 4) + " nats a token.";
    }
  }
  return run.steps.empty()
             ? ""
             : "Last loss in training: " + telemetry::fixed(run.steps.back().loss, 4) + ".";
}

void write_origin(Html& page, const RunData& run) {
  std::string text;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : " · ") + part;
  };
  if (run.config) {
    add(method_description(*run.config));
    add("task " + after_last_slash(run.config->task.name));
    add("model " + after_last_slash(run.config->model.path));
  }
  add(run.manifest.command.empty() ? "" : "incipit " + run.manifest.command);
  add(readable_time(run.manifest.started));
  for (const auto& [name, value] : run.manifest.facts) {
    if (name == "host") add("on " + value);
  }
  if (!text.empty()) page.leaf("p", {{"class", "soft"}}, text);
}

std::string heading_of(const Report& report) {
  if (report.runs.size() == 1) return report.runs[0].name;
  if (!report.distilled.empty()) {
    return std::to_string(report.runs.size()) + " distilled prompts, one teacher";
  }
  return std::to_string(report.comparison->methods.size()) + " methods, one test set";
}

}  // namespace

std::string percent(double share) { return telemetry::fixed(share * 100, 1) + " %"; }

std::string points(double difference) {
  const double shown = std::round(difference * 1000) / 10 + 0.0;  // no -0.0
  return (shown > 0 ? "+" : shown < 0 ? "\u2212" : "") + telemetry::fixed(std::abs(shown), 1);
}

std::string percent_range(double low, double high) {
  return telemetry::fixed(low * 100, 1) + " to " + telemetry::fixed(high * 100, 1);
}

std::string result_sentence(const Report& report) {
  if (report.comparison) return sentence_of_comparison(*report.comparison);
  if (!report.distilled.empty()) return distilled_sentence(report.runs, report.distilled);
  const RunData& run = report.runs[0];
  if (run.distillation) return distillation_sentence(*run.distillation);
  const std::string sentence = sentence_of_run(report.figures[0]);
  return sentence.empty() ? losses(run) : sentence;
}

void write_head(Html& page, const Report& report) {
  const auto header = page.element("header");
  page.leaf("p", {{"class", "mark"}}, "incipit report");
  const std::size_t count = report.runs.size();
  page.leaf("h1", heading_of(report));
  if (count == 1) write_origin(page, report.runs[0]);
  page.leaf("p", {{"class", "result"}}, result_sentence(report));
}

void write_diagnosis(Html& page, const trainer::Diagnosis& diagnosis) {
  const bool fine = diagnosis.verdict == trainer::Verdict::kLearned;
  const auto box = page.element("div", {{"class", fine ? "finding fine" : "finding"}});
  const auto list = [&](const char* tag, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    const auto all = page.element(tag);
    for (const std::string& line : lines) page.leaf("li", line);
  };
  {
    const auto line = page.element("p");
    page.leaf("strong", diagnosis.summary);
  }
  list("ul", diagnosis.findings);
  if (!diagnosis.advice.empty()) page.leaf("p", "Try, in this order:");
  list("ol", diagnosis.advice);
}

}  // namespace incipit::report
