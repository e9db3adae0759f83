#include "trainer/diagnosis_file.h"

#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace incipit::trainer {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Figures& figures) {
  Json json = Json::object();
  const auto add = [&](const char* name, const std::optional<double>& value) {
    if (value) json[name] = *value;
  };
  add("first_loss", figures.first_loss);
  add("last_loss", figures.last_loss);
  add("prior_loss", figures.prior_loss);
  if (figures.free) {
    const FreeAnswers& free = *figures.free;
    json["free"] = {{"metric", free.metric},
                    {"score", free.score},
                    {"score_95", {free.score_95.low, free.score_95.high}},
                    {"constant", free.constant},
                    {"constant_score", free.constant_score},
                    {"given", free.given},
                    {"times_given", free.times_given},
                    {"examples", free.examples}};
  }
  if (!figures.accuracy) return json;
  json["accuracy"] = *figures.accuracy;
  json["accuracy_95"] = {figures.accuracy_95.low, figures.accuracy_95.high};
  json["majority_share"] = figures.majority_share;
  json["majority_label"] = figures.majority_label;
  json["predicted_share"] = figures.predicted_share;
  json["predicted_label"] = figures.predicted_label;
  return json;
}

Json to_json(const Diagnosis& diagnosis) {
  return {{"verdict", verdict_name(diagnosis.verdict)},
          {"summary", diagnosis.summary},
          {"findings", diagnosis.findings},
          {"advice", diagnosis.advice},
          {"figures", to_json(diagnosis.figures)}};
}

Figures figures_of(const Json& json) {
  const auto number = [&](const char* name) -> std::optional<double> {
    // A number that was not finite is written as null.
    if (!json.contains(name) || json[name].is_null()) return std::nullopt;
    return json[name].get<double>();
  };
  Figures figures;
  figures.first_loss = number("first_loss");
  figures.last_loss = number("last_loss");
  figures.prior_loss = number("prior_loss");
  if (json.contains("free")) {
    const Json& free = json["free"];
    figures.free = {.metric = free.at("metric"),
                    .score = free.at("score"),
                    .score_95 = {free.at("score_95").at(0), free.at("score_95").at(1)},
                    .constant = free.at("constant"),
                    .constant_score = free.at("constant_score"),
                    .given = free.at("given"),
                    .times_given = free.at("times_given"),
                    .examples = free.at("examples")};
  }
  figures.accuracy = number("accuracy");
  if (!figures.accuracy) return figures;
  figures.accuracy_95 = {json.at("accuracy_95").at(0), json.at("accuracy_95").at(1)};
  figures.majority_share = json.at("majority_share");
  figures.majority_label = json.at("majority_label");
  figures.predicted_share = json.at("predicted_share");
  figures.predicted_label = json.at("predicted_label");
  return figures;
}

Verdict verdict_of(const std::string& name) {
  for (const Verdict each :
       {Verdict::kLearned, Verdict::kNotLearned, Verdict::kDiverged, Verdict::kUndecided}) {
    if (verdict_name(each) == name) return each;
  }
  throw DataError("\"verdict\" is '" + name + "'");
}

Diagnosis diagnosis_of(const Json& json) {
  return {.verdict = verdict_of(json.at("verdict")),
          .summary = json.at("summary"),
          .findings = json.at("findings"),
          .advice = json.at("advice"),
          .figures = figures_of(json.at("figures"))};
}

}  // namespace

void write_diagnoses(const std::filesystem::path& file,
                     std::span<const std::pair<std::string, Diagnosis>> by_task) {
  Json json = Json::object();
  for (const auto& [task, diagnosis] : by_task) {
    (by_task.size() == 1 ? json : json[task]) = to_json(diagnosis);
  }
  write_atomically(file, dump_json(json, 2) + "\n");
}

Diagnosis read_diagnosis(const std::filesystem::path& file, const std::string& task) {
  const Json json = parse_json_or_discard<Json>(read_text(file));
  try {
    return diagnosis_of(task.empty() ? json : json.at(task));
  } catch (const std::exception& error) {
    throw DataError(file.string() + ": not a diagnosis that incipit wrote: " + error.what());
  }
}

}  // namespace incipit::trainer
