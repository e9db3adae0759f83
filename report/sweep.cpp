#include "report/sweep.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "report/run_data.h"

namespace incipit::report {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::optional<double> score_at(const Json& json, const char* key) {
  if (!json.contains(key) || !json[key].is_number()) return std::nullopt;
  return json[key].get<double>();
}

std::optional<eval::Spread> spread_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  const double first = values.front();
  if (values.size() == 1) return eval::Spread{first, 0, first, first};
  return eval::spread_of(values);
}

SettingResult setting_of(const Sweep& sweep, const std::string& name) {
  SettingResult setting;
  setting.name = name;
  std::vector<double> validation;
  std::vector<double> test;
  std::optional<double> best;
  for (const MemberResult& member : sweep.members) {
    if (member.setting != name) continue;
    ++setting.members;
    if (member.test) test.push_back(*member.test);
    if (!member.validation) continue;
    validation.push_back(*member.validation);
    const double score = sweep.higher_is_better ? *member.validation : -*member.validation;
    if (best && score <= *best) continue;
    best = score;
    setting.best = member.name;
    setting.best_test = member.test;
  }
  setting.validation = spread_of(validation);
  setting.test = spread_of(test);
  for (const EnsembleResult& each : sweep.ensembles) {
    if (each.setting == name) setting.ensemble = each;
  }
  return setting;
}

Json spread_json(const std::optional<eval::Spread>& spread) {
  if (!spread) return nullptr;
  return {{"mean", spread->mean},
          {"deviation", spread->deviation},
          {"lowest", spread->lowest},
          {"highest", spread->highest}};
}

Json file_json(const Sweep& sweep) {
  Json json{{"name", sweep.name},
            {"metric", sweep.metric},
            {"higher_is_better", sweep.higher_is_better},
            {"members", Json::array()},
            {"ensembles", Json::array()}};
  for (const MemberResult& member : sweep.members) {
    json["members"].push_back({{"name", member.name},
                               {"setting", member.setting},
                               {"best_step", member.best_step},
                               {"validation", or_null(member.validation)},
                               {"test", or_null(member.test)}});
  }
  for (const EnsembleResult& each : sweep.ensembles) {
    json["ensembles"].push_back({{"setting", each.setting},
                                 {"vote", each.vote},
                                 {"mean_probability", each.mean_probability}});
  }
  return json;
}

}  // namespace

std::vector<SettingResult> settings_of(const Sweep& sweep) {
  std::vector<SettingResult> settings;
  for (const MemberResult& member : sweep.members) {
    const bool known = std::any_of(settings.begin(), settings.end(), [&](const auto& setting) {
      return setting.name == member.setting;
    });
    if (!known) settings.push_back(setting_of(sweep, member.setting));
  }
  const double sign = sweep.higher_is_better ? 1 : -1;
  std::stable_sort(settings.begin(), settings.end(), [&](const auto& a, const auto& b) {
    return a.validation && b.validation && sign * a.validation->mean > sign * b.validation->mean;
  });
  return settings;
}

bool is_sweep(const fs::path& run_dir) { return fs::exists(run_dir / "sweep.json"); }

void write_sweep(const fs::path& run_dir, const Sweep& sweep) {
  write_atomically(run_dir / "sweep.json", dump_json(file_json(sweep), 2) + "\n");
}

Sweep read_sweep(const fs::path& run_dir) try {
  const fs::path path = run_dir / "sweep.json";
  const Json json = parse_json_of<Json>(path, read_text(path));
  Sweep sweep;
  sweep.name = json.at("name").get<std::string>();
  sweep.metric = json.at("metric").get<std::string>();
  sweep.higher_is_better = json.at("higher_is_better").get<bool>();
  for (const Json& member : json.at("members")) {
    sweep.members.push_back({.name = member.at("name").get<std::string>(),
                             .setting = member.at("setting").get<std::string>(),
                             .best_step = member.at("best_step").get<std::int64_t>(),
                             .validation = score_at(member, "validation"),
                             .test = score_at(member, "test")});
  }
  for (const Json& each : json.at("ensembles")) {
    sweep.ensembles.push_back({each.at("setting").get<std::string>(), each.at("vote").get<double>(),
                               each.at("mean_probability").get<double>()});
  }
  if (sweep.members.empty()) throw DataError(path.string() + ": has no members");
  const RunData run = read_run(run_dir, sweep.members.front().name);
  for (const telemetry::StepRecord& step : run.steps) {
    sweep.seconds += step.seconds;
    sweep.rows += step.tokens;
  }
  return sweep;
} catch (const Json::exception& error) {
  throw DataError((run_dir / "sweep.json").string() + ": is damaged (" + error.what() +
                  "); train again, or remove it");
}

std::string sweep_json(const Sweep& sweep) {
  Json json = file_json(sweep);
  json["settings"] = Json::array();
  for (const SettingResult& setting : settings_of(sweep)) {
    json["settings"].push_back({{"name", setting.name},
                                {"members", setting.members},
                                {"validation", spread_json(setting.validation)},
                                {"test", spread_json(setting.test)},
                                {"best", setting.best},
                                {"best_test", or_null(setting.best_test)}});
    if (!setting.ensemble) continue;
    json["settings"].back()["ensemble"] = {
        {"vote", setting.ensemble->vote}, {"mean_probability", setting.ensemble->mean_probability}};
  }
  const auto members = static_cast<double>(sweep.members.size());
  json["cost"] = {{"seconds", sweep.seconds},
                  {"seconds_per_member", sweep.seconds / members},
                  {"rows", sweep.rows},
                  {"rows_per_member", static_cast<double>(sweep.rows) / members}};
  return dump_json(json, 2) + "\n";
}

}  // namespace incipit::report
