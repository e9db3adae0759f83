// search.json: the results of a search over words.
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "eval/search_results.h"

namespace incipit::eval {
namespace {

using SearchJson = nlohmann::ordered_json;

SearchJson words_json(const ShownWords& each) {
  return {{"texts", each.texts},
          {"train_loss", each.train_loss},
          {"validation_loss", each.validation_loss},
          {"passes", each.passes}};
}

ShownWords read_words(const SearchJson& json) {
  return {json.at("texts").get<std::vector<std::string>>(), json.at("train_loss"),
          json.at("validation_loss"), json.at("passes")};
}

SearchJson outcome_json(const WordOutcome& each) {
  SearchJson json = words_json(each.words);
  json["words_scored"] = each.scored;
  json["passes_spent"] = each.passes;
  SearchJson& splits = json["splits"] = SearchJson::object();
  for (const WordScoresOnSplit& scores : each.splits) {
    SearchJson& split =
        splits[scores.split] = {{"examples", scores.examples}, {"loss", scores.loss}};
    SearchJson& metrics = split["metrics"] = SearchJson::object();
    for (const auto& [name, value] : scores.metrics) metrics[name] = value;
  }
  SearchJson& steps = json["steps"] = SearchJson::array();
  for (const ShownWords& step : each.steps) steps.push_back(words_json(step));
  return json;
}

WordOutcome read_outcome(const std::string& name, const SearchJson& json) {
  WordOutcome outcome{.name = name,
                      .words = read_words(json),
                      .scored = json.at("words_scored"),
                      .passes = json.at("passes_spent"),
                      .steps = {},
                      .splits = {}};
  for (const auto& [split, scores] : json.at("splits").items()) {
    WordScoresOnSplit& read = outcome.splits.emplace_back(
        WordScoresOnSplit{split, scores.at("examples"), scores.at("loss"), {}});
    for (const auto& [metric, value] : scores.at("metrics").items()) {
      read.metrics.emplace_back(metric, value.get<double>());
    }
  }
  for (const SearchJson& step : json.at("steps")) outcome.steps.push_back(read_words(step));
  return outcome;
}

SearchResults read_results(const SearchJson& json) {
  SearchResults r;
  r.task = json.at("task").get<std::string>();
  r.metric = json.at("metric").get<std::string>();
  json.at("slots").get_to(r.slots);
  r.budget = json.at("budget");
  r.train_examples = json.at("train_examples");
  r.validation_examples = json.at("validation_examples");
  for (const auto& [name, outcome] : json.at("outcomes").items()) {
    r.outcomes.push_back(read_outcome(name, outcome));
  }
  for (const SearchJson& each : json.at("gains_over_random")) {
    const SearchJson& ends = each.at("gain_95");
    r.gains.push_back({each.at("split").get<std::string>(),
                       each.at("measure").get<std::string>(),
                       {each.at("gain"), ends.at(0), ends.at(1)}});
  }
  return r;
}

}  // namespace

std::string search_json(const SearchResults& r) {
  SearchJson outcomes = SearchJson::object();
  for (const WordOutcome& each : r.outcomes) outcomes[each.name] = outcome_json(each);
  SearchJson gains = SearchJson::array();
  for (const WordGain& each : r.gains) {
    gains.push_back({{"split", each.split},
                     {"measure", each.measure},
                     {"gain", each.gain.mean},
                     {"gain_95", {each.gain.low, each.gain.high}}});
  }
  const SearchJson json{{"task", r.task},
                        {"metric", r.metric},
                        {"slots", r.slots},
                        {"budget", r.budget},
                        {"train_examples", r.train_examples},
                        {"validation_examples", r.validation_examples},
                        {"outcomes", outcomes},
                        {"gains_over_random", gains}};
  return dump_json(json, 2) + "\n";
}

SearchResults read_search(const std::string& text, const std::string& source) {
  try {
    return read_results(parse_json<SearchJson>(text));
  } catch (const nlohmann::json::exception& error) {
    throw DataError(source + ": is no result of incipit search: " + error.what());
  }
}

}  // namespace incipit::eval
