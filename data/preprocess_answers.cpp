#include "data/preprocess_answers.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace incipit::data {
namespace {

using AnswersJson = nlohmann::json;

// Adds the fields to an object that has target_scores. Returns what is wrong with them, or "".
std::string add_scored(AnswersJson& object) {
  const AnswersJson scores = object["target_scores"];
  if (!scores.is_object() || scores.empty()) return "is no object of answers and their scores";
  AnswersJson answers = AnswersJson::array();
  double highest = -std::numeric_limits<double>::infinity();
  for (const auto& [answer, score] : scores.items()) {
    if (!score.is_number()) return "has a score that is no number";
    answers.push_back(answer);
    highest = std::max(highest, score.get<double>());
  }
  AnswersJson right = AnswersJson::array();
  for (const auto& [answer, score] : scores.items()) {
    if (score.get<double>() == highest) right.push_back(answer);
  }
  object["answers"] = answers;
  object["right"] = right;
  return "";
}

}  // namespace

void preprocess_answers(Record& record) {
  AnswersJson& json = record.own_json();
  if (json.contains("better") && json.contains("worse")) {
    json["answers"] = {json["better"], json["worse"]};
    json["right"] = AnswersJson::array({json["better"]});
    return;
  }
  if (json.contains("target_scores")) {
    if (const std::string why = add_scored(json); !why.empty()) record.fail("target_scores " + why);
    return;
  }
  const bool lists = json.contains("examples") && json["examples"].is_array();
  if (!lists) record.fail("has neither better and worse, nor target_scores, nor a list examples");
  for (std::size_t i = 0; i < json["examples"].size(); ++i) {
    AnswersJson& example = json["examples"][i];
    const std::string path = "examples." + std::to_string(i) + ".target_scores";
    if (!example.is_object() || !example.contains("target_scores")) {
      record.fail(path + " is missing");
    }
    if (const std::string why = add_scored(example); !why.empty()) record.fail(path + " " + why);
  }
}

}  // namespace incipit::data
