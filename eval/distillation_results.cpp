#include "eval/distillation_results.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"

namespace incipit::eval {
namespace {

using ResultsJson = nlohmann::ordered_json;

ResultsJson interval_ends(const MeanInterval& interval) { return {interval.low, interval.high}; }

MeanInterval read_interval(const ResultsJson& json, const std::string& name) {
  const ResultsJson& ends = json.at(name + "_95");
  return {json.at(name), ends.at(0), ends.at(1)};
}

DistillationResults read_divergences(const ResultsJson& json) {
  DistillationResults results{.split = json.at("split").get<std::string>(),
                              .examples = json.at("examples"),
                              .tokens = json.at("tokens"),
                              .prompt_tokens = json.at("prompt_tokens"),
                              .learned_rows = json.at("learned_rows"),
                              .divergences = {}};
  for (const auto& [student, own] : json.at("divergence").items()) {
    Divergence& read = results.divergences.emplace_back();
    read.student = student;
    read.mean = read_interval(own, "mean");
    if (student != "learned") read.over_learned = read_interval(own, "over_learned");
  }
  return results;
}

}  // namespace

std::vector<Divergence> mean_divergences(const std::vector<StudentSums>& students,
                                         const std::vector<std::int64_t>& tokens) {
  std::vector<ResampledMethod> methods;
  for (const StudentSums& each : students) {
    ResampledMethod& method = methods.emplace_back();
    method.width = 2;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      method.statistics.push_back(each.sums[i]);
      method.statistics.push_back(static_cast<double>(tokens[i]));
    }
    method.score = [](std::span<const double> of, std::int64_t) { return of[0] / of[1]; };
  }
  const PairedBootstrap bootstrap(methods);
  const std::size_t learned = methods.size() - 1;
  std::vector<Divergence> divergences;
  for (std::size_t m = 0; m < methods.size(); ++m) {
    divergences.push_back({students[m].student, bootstrap.mean(m), bootstrap.gain(m, learned)});
  }
  return divergences;
}

std::string distillation_json(const DistillationResults& results) {
  ResultsJson json{{"split", results.split},
                   {"examples", results.examples},
                   {"tokens", results.tokens},
                   {"prompt_tokens", results.prompt_tokens},
                   {"learned_rows", results.learned_rows},
                   {"saved_per_request", results.saved_per_request()}};
  for (const Divergence& each : results.divergences) {
    ResultsJson& own = json["divergence"][each.student];
    own = {{"mean", each.mean.mean}, {"mean_95", interval_ends(each.mean)}};
    if (each.student == "learned") continue;
    own["over_learned"] = each.over_learned.mean;
    own["over_learned_95"] = interval_ends(each.over_learned);
  }
  return dump_json(json, 2) + "\n";
}

DistillationResults read_distillation(const std::string& json, const std::string& source) {
  try {
    return read_divergences(parse_json<ResultsJson>(json));
  } catch (const nlohmann::json::exception& error) {
    throw DataError(source + ": is no result of context distillation: " + error.what());
  }
}

}  // namespace incipit::eval
