// metrics_tool: computes task metrics, for the test beside scikit-learn and the official scripts.
//
// Standard input: a JSON object a line, each of one kind
//   {"metric": name, "predictions": [...], "labels": [...], "groups": [...], "texts": [...],
//    "references": [[...], ...]}       -> {"value": x, "of": n}; NaN is null
//   {"normalize": text}                -> {"text": ...}
//   {"answer": text, "referent": text} -> {"means": true, false or null}
//   {"tasks": [[x, ...], ...]}         -> {"value": x}
//   {"tags": [0, 1, 2, ...]}           -> {"entities": [[first word, end, label], ...]}
// Standard output: a line for each.
#include <iostream>
#include <nlohmann/json.hpp>

#include "data/answer_text.h"
#include "data/entities.h"
#include "data/task_metrics.h"

namespace incipit {
namespace {

using Json = nlohmann::json;

Json answer(const Json& request) {
  if (request.contains("normalize")) {
    return {{"text", data::normalized_answer(request["normalize"].get<std::string>())}};
  }
  if (request.contains("referent")) {
    const auto means = data::names_referent(request["answer"].get<std::string>(),
                                            request["referent"].get<std::string>());
    return {{"means", means ? Json(*means) : Json(nullptr)}};
  }
  if (request.contains("tags")) {
    Json entities = Json::array();
    for (const auto& [words, label] :
         data::entities_of_tags(request["tags"].get<std::vector<int>>())) {
      entities.push_back({words.begin, words.end, label});
    }
    return {{"entities", entities}};
  }
  if (request.contains("tasks")) {
    return {
        {"value", data::overall_score(request["tasks"].get<std::vector<std::vector<double>>>())}};
  }
  data::Answers answers;
  answers.predictions = request.value("predictions", std::vector<int>{});
  answers.labels = request.value("labels", std::vector<int>{});
  answers.groups = request.value("groups", std::vector<std::string>{});
  answers.texts = request.value("texts", std::vector<std::string>{});
  answers.references = request.value("references", std::vector<std::vector<std::string>>{});
  const auto [value, of] = data::compute_metric(request["metric"].get<std::string>(), answers);
  return {{"value", value}, {"of", of}};
}

}  // namespace
}  // namespace incipit

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << incipit::answer(nlohmann::json::parse(line)) << '\n';
  }
}
