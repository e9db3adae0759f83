#include "report/template_scores.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "eval/evaluation.h"

namespace incipit::report {
namespace {

using Json = nlohmann::ordered_json;

std::optional<double> number_of(const Json& entry, const std::string& key) {
  return entry.contains(key) ? std::optional(entry[key].get<double>()) : std::nullopt;
}

// Returns the first metric of a template: it decides.
std::string deciding_metric(const Json& entry) {
  for (const auto& [key, value] : entry.items()) {
    if (value.is_number() && key != "examples") return key;
  }
  return "score";  // reading it says that there is none
}

TemplateLine read_line(const Json& entry, const std::string& metric) {
  TemplateLine line{.name = entry.at("name").get<std::string>(),
                    .score = entry.at(metric).get<double>(),
                    .interval = {},
                    .on_format = number_of(entry, "on_format"),
                    .calibration_error = number_of(entry, "calibration_error")};
  const std::string interval = metric + "_95";
  if (entry.contains(interval)) line.interval = {entry[interval].at(0), entry[interval].at(1)};
  return line;
}

TemplateScores read(const Json& json) {
  const Json& entries = json.at("templates");
  TemplateScores scores;
  scores.split = json.at("split").get<std::string>();
  scores.metric = deciding_metric(entries.at(0));
  scores.examples = entries.at(0).at("examples");
  scores.best = json.at("best").get<std::string>();
  for (const Json& entry : entries) scores.templates.push_back(read_line(entry, scores.metric));
  const bool higher = eval::higher_is_better(scores.metric);
  std::ranges::stable_sort(scores.templates, [&](const TemplateLine& a, const TemplateLine& b) {
    return higher ? a.score > b.score : a.score < b.score;
  });
  if (json.contains("majority")) {
    scores.majority = number_of(json["majority"], scores.metric);
    scores.majority_answer = json["majority"].at("answer").get<std::string>();
  }
  return scores;
}

}  // namespace

TemplateScores read_template_scores(const std::string& text, const std::string& source) {
  try {
    return read(parse_json<Json>(text));
  } catch (const nlohmann::json::exception& error) {
    throw DataError(source + ": has no scores of templates: " + error.what());
  }
}

}  // namespace incipit::report
