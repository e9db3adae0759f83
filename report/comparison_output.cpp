#include "report/comparison_output.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "core/json.h"
#include "report/distillation_comparison.h"

namespace incipit::report {
namespace {

using Json = nlohmann::ordered_json;

Json text_scores_json(const TextFigures& split) {
  Json json{{"examples", split.examples}};
  for (const TextScore& score : split.scores) {
    json[score.name] = score.value;
    json[score.name + "_95"] = {score.value_95.low, score.value_95.high};
  }
  json["constant"] = split.constant;
  Json& constant = json["constant_scores"] = Json::object();
  for (const TextScore& score : split.scores) constant[score.name] = score.constant;
  return json;
}

std::string percents(double value) { return telemetry::fixed(value * 100, 1); }

std::string range(double low, double high) { return percents(low) + " to " + percents(high); }

std::string signed_points(double value) {
  const std::string text = percents(value);
  return value > 0 ? "+" + text : text;
}

Json scores_json(const SplitFigures& split) {
  return {{"examples", split.confusion.total()},
          {"accuracy", split.accuracy},
          {"accuracy_95", {split.accuracy_95.low, split.accuracy_95.high}},
          {"macro_f1", split.macro_f1},
          {"majority_label", split.majority_label},
          {"majority", split.majority_share}};
}

// Returns {"name", "points": [{X_NAME, "method"}]} of each curve.
Json curves_json(const std::vector<ScoreCurve>& curves, const std::string& x_name) {
  Json all = Json::array();
  for (const ScoreCurve& curve : curves) {
    Json points = Json::array();
    for (const CurvePoint& point : curve.points) {
      points.push_back({{x_name, point.x}, {"method", point.method}});
    }
    all.push_back({{"name", curve.name}, {"points", points}});
  }
  return all;
}

Json comparison_json(const Report& report) {
  const Comparison& comparison = *report.comparison;
  Json methods = Json::array();
  Json gains = Json::array();
  const std::string plural = comparison.metric == "accuracy" ? "accuracies" : "scores";
  for (std::size_t m = 0; m < comparison.methods.size(); ++m) {
    const Method& method = comparison.methods[m];
    Json dirs = Json::array();
    for (const std::size_t r : method.runs) dirs.push_back(report.runs[r].dir.string());
    methods.push_back({{"name", method.name},
                       {"description", method.description},
                       {"runs", dirs},
                       {plural, method.scores},
                       {comparison.metric, method.score},
                       {comparison.metric + "_95", {method.low, method.high}}});
    for (std::size_t over = 0; over < comparison.methods.size(); ++over) {
      if (m == over) continue;
      const eval::MeanInterval& gain = comparison.gains[m][over];
      gains.push_back({{"of", m},
                       {"over", over},
                       {"gain", gain.mean},
                       {"gain_95", {gain.low, gain.high}},
                       {"excludes_zero", gain.excludes_zero()}});
    }
  }
  return {
      {"examples", comparison.examples},
      {"metric", comparison.metric},
      {"majority_label", comparison.majority_label},
      {"best", comparison.best},
      {"mixed_types", comparison.mixed_types},
      {"bootstrap",
       {{"resamples", eval::PairedBootstrap::kResamples}, {"seed", eval::PairedBootstrap::kSeed}}},
      {"methods", methods},
      {"gains", gains}};
}

// Returns the heading of a table's column of scores.
std::string score_title(const Comparison& comparison) {
  return comparison.metric == "accuracy" ? "test %" : comparison.title + " %";
}

// Prints the gain of each point over the one before it.
void print_curves(std::ostream& out, const telemetry::Style& style, const Comparison& comparison,
                  const std::vector<ScoreCurve>& curves, const std::string& x_title) {
  if (curves.empty()) return;
  telemetry::Table table(
      {"method", x_title, "runs", score_title(comparison), "gain over fewer", "95 %", ""});
  for (const ScoreCurve& curve : curves) {
    for (std::size_t p = 0; p < curve.points.size(); ++p) {
      const std::size_t m = curve.points[p].method;
      std::vector<std::string> row{
          telemetry::visible(curve.name), telemetry::grouped(curve.points[p].x),
          std::to_string(comparison.methods[m].runs.size()), percents(comparison.methods[m].score)};
      if (p == 0) {
        row.insert(row.end(), {"", "", ""});
      } else {
        const eval::MeanInterval& gain = comparison.gains[m][curve.points[p - 1].method];
        row.insert(row.end(), {signed_points(gain.mean),
                               signed_points(gain.low) + " to " + signed_points(gain.high),
                               gain.excludes_zero() ? "excludes 0" : "may be chance"});
      }
      table.add(row);
    }
  }
  out << '\n';
  table.print(out, style);
}

}  // namespace

void print_comparison(std::ostream& out, const telemetry::Style& style,
                      const Comparison& comparison) {
  telemetry::Table table(
      {"method", "runs", score_title(comparison), "95 %", "seeds", "best gains", "95 %", ""});
  for (std::size_t m = 0; m < comparison.methods.size(); ++m) {
    const Method& method = comparison.methods[m];
    std::string seeds;
    if (method.scores.size() > 1) {
      const auto [low, high] = std::minmax_element(method.scores.begin(), method.scores.end());
      seeds = range(*low, *high);
    }
    const eval::MeanInterval& gain = comparison.gains[comparison.best][m];
    const bool best = m == comparison.best;
    table.add({telemetry::visible(method.name),
               method.runs.empty() ? "-" : std::to_string(method.runs.size()),
               percents(method.score), range(method.low, method.high), seeds,
               best ? "the best" : signed_points(gain.mean),
               best ? "" : signed_points(gain.low) + " to " + signed_points(gain.high),
               best ? "" : (gain.excludes_zero() ? "excludes 0" : "may be chance")});
  }
  table.print(out, style);
  if (!comparison.mixed_types.empty()) {
    out << style.warning("warning") << "  " << telemetry::visible(comparison.mixed_types) << '\n';
  }
}

void print_distilled(std::ostream& out, const telemetry::Style& style, const Report& report) {
  if (report.distilled.empty()) return;
  telemetry::Table table(distilled_header());
  for (std::vector<std::string>& row : distilled_rows(report.runs, report.distilled)) {
    for (std::string& cell : row) cell = telemetry::visible(cell);
    table.add(std::move(row));
  }
  table.print(out, style);
}

void print_score_curves(std::ostream& out, const telemetry::Style& style, const Report& report) {
  if (!report.comparison) return;
  print_curves(out, style, *report.comparison, report.learning_curves, "training examples");
  print_curves(out, style, *report.comparison, report.size_curves, "model parameters");
}

std::string report_json(const Report& report) {
  Json json;
  Json& runs = json["runs"] = Json::array();
  for (std::size_t r = 0; r < report.runs.size(); ++r) {
    Json scores = Json::object();
    for (const SplitFigures& split : report.figures[r].splits) {
      scores[split.split] = scores_json(split);
    }
    for (const TextFigures& split : report.figures[r].text_splits) {
      scores[split.split] = text_scores_json(split);
    }
    const RunData& run = report.runs[r];
    runs.push_back({{"name", run.name}, {"dir", run.dir.string()}, {"scores", scores}});
    if (run.distillation) {
      runs.back()["distillation"] = parse_json<Json>(eval::distillation_json(*run.distillation));
    }
  }
  if (report.comparison) json["comparison"] = comparison_json(report);
  if (!report.learning_curves.empty()) {
    json["learning_curves"] = curves_json(report.learning_curves, "examples");
  }
  if (!report.size_curves.empty()) {
    json["size_curves"] = curves_json(report.size_curves, "parameters");
  }
  return dump_json(json, 2, BadUtf8::kReplace) + "\n";
}

}  // namespace incipit::report
