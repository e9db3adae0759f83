#include "trainer/train_state.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/json.h"

namespace incipit::trainer {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::optional<double>& number) { return number ? Json(*number) : Json(); }

std::optional<double> number_of(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}

}  // namespace

std::string scalars_json(const TrainState& state) {
  const EarlyStop::State& stop = state.early_stop;
  Json prompts = Json::array();
  for (const BestEvaluation& best : state.prompts) {
    prompts.push_back({{"best_score", json_of(best.score)}, {"best_step", best.step}});
  }
  Json task_scores = Json::array();
  for (const auto& score : state.task_scores) task_scores.push_back(json_of(score));
  const Json json{{"step", state.step},
                  {"seed", state.seed},
                  {"samples", state.samples},
                  {"tokens", state.tokens},
                  {"last_loss", state.last_loss},  // null when it is not finite
                  {"nonfinite_in_a_row", state.nonfinite_in_a_row},
                  {"evaluated_at", state.evaluated_at},
                  {"early_stop",
                   {{"best_score", json_of(stop.best_score)},
                    {"mark", json_of(stop.mark)},
                    {"best_step", stop.best_step},
                    {"without_gain", stop.without_gain}}},
                  {"prompts", prompts},
                  {"task_scores", task_scores}};
  return dump_json(json, 2) + "\n";
}

TrainState parse_scalars(std::string_view text, const std::string& source) {
  try {
    const Json json = parse_json_of<Json>(source, text);
    TrainState state;
    json.at("step").get_to(state.step);
    json.at("seed").get_to(state.seed);
    json.at("samples").get_to(state.samples);
    json.at("tokens").get_to(state.tokens);
    state.last_loss =
        number_of(json.at("last_loss")).value_or(std::numeric_limits<double>::quiet_NaN());
    json.at("nonfinite_in_a_row").get_to(state.nonfinite_in_a_row);
    json.at("evaluated_at").get_to(state.evaluated_at);
    const Json& stop = json.at("early_stop");
    state.early_stop.best_score = number_of(stop.at("best_score"));
    state.early_stop.mark = number_of(stop.at("mark"));
    stop.at("best_step").get_to(state.early_stop.best_step);
    stop.at("without_gain").get_to(state.early_stop.without_gain);
    for (const Json& best : json.at("prompts")) {
      state.prompts.push_back(
          {number_of(best.at("best_score")), best.at("best_step").get<std::int64_t>()});
    }
    for (const Json& score : json.at("task_scores")) state.task_scores.push_back(number_of(score));
    return state;
  } catch (const Json::exception& error) {
    throw DataError(source + ": not the state of a run: " + error.what());
  }
}

}  // namespace incipit::trainer
