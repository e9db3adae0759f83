#include "explain/explanation_json.h"

#include <nlohmann/json.hpp>

namespace incipit::explain {
namespace {

using Json = nlohmann::ordered_json;

Json tokens_json(const std::vector<RatedToken>& tokens, const char* value) {
  Json list = Json::array();
  for (const RatedToken& token : tokens) {
    list.push_back({{"id", token.id}, {"text", token.text}, {value, token.value}});
  }
  return list;
}

Json neighbours_json(const Neighbours& neighbours) {
  return {{"by_cosine", tokens_json(neighbours.by_cosine, "cosine")},
          {"by_distance", tokens_json(neighbours.by_distance, "distance")}};
}

Json position_json(const Position& position, bool deep) {
  Json json{{"attention", position.attention}, {"removed", position.removed}};
  if (deep) return json;
  json["norm"] = position.norm;
  json["snapped"] = position.snapped;
  if (position.patched) json["patched"] = *position.patched;
  json["nearest"] = neighbours_json(position.trained);
  if (position.initial) json["nearest_to_initial"] = neighbours_json(*position.initial);
  json["nearest_to_random"] = neighbours_json(position.random);
  json["lens"] = Json::array();
  for (const auto& layer : position.lens) {
    json["lens"].push_back(tokens_json(layer, "probability"));
  }
  return json;
}

Json projection_json(const Projection& projection) {
  Json points = Json::array();
  for (const Point& point : projection.points) {
    points.push_back(
        {{"group", point.group}, {"text", point.text}, {"x", point.x}, {"y", point.y}});
  }
  return {{"explained", projection.explained}, {"points", points}};
}

Json text_json(const RatedText& text) {
  return {{"text", text.text}, {"divergence", text.divergence}};
}

}  // namespace

Json explanation_json(const Explanation& explanation) {
  Json json{{"adapters", explanation.adapters},   {"model", explanation.model},
            {"split", explanation.split},         {"examples", explanation.examples},
            {"loss_name", explanation.loss_name}, {"deep", explanation.deep},
            {"loss", explanation.loss},           {"loss_without", explanation.loss_without}};
  if (explanation.loss_snapped) json["loss_snapped"] = *explanation.loss_snapped;
  if (explanation.loss_second) json["loss_second"] = *explanation.loss_second;
  if (explanation.split_half) json["split_half"] = *explanation.split_half;
  if (!explanation.deep) json["caveat"] = kWaywardness;
  json["positions"] = Json::array();
  for (const Position& position : explanation.positions) {
    json["positions"].push_back(position_json(position, explanation.deep));
  }
  json["agreement"] = Json::array();
  for (const Agreement& each : explanation.agreement) {
    json["agreement"].push_back({{"first", each.first},
                                 {"second", each.second},
                                 {"cosine", each.cosine},
                                 {"shared", each.shared},
                                 {"elsewhere", each.elsewhere}});
  }
  if (explanation.projection) json["projection"] = projection_json(*explanation.projection);
  if (explanation.in_words) {
    json["in_words"] = {{"found", text_json(explanation.in_words->found)},
                        {"start", text_json(explanation.in_words->start)},
                        {"random", text_json(explanation.in_words->random)}};
  }
  return json;
}

}  // namespace incipit::explain
