#include "report/search_texts.h"

#include "telemetry/output.h"

namespace incipit::report {
namespace {

constexpr int kLossDecimals = 4;

std::string decimals(double value) { return telemetry::fixed(value, kLossDecimals); }

}  // namespace

std::string search_title(const eval::SearchResults& results) {
  return std::string(results.slots.empty() ? "tokens" : "phrases") + ": at most " +
         telemetry::grouped(results.budget) + " forward passes, " +
         telemetry::grouped(results.train_examples) + " training and " +
         telemetry::grouped(results.validation_examples) + " validation examples";
}

std::string words_text(const std::vector<std::string>& texts) {
  std::string line;
  for (const std::string& text : texts) {
    line += (line.empty() ? "'" : " | '") + telemetry::visible(text) + "'";
  }
  return line;
}

std::vector<std::string> outcome_header(const eval::SearchResults& results) {
  std::vector<std::string> header{"", "passes", "scored", "train loss", "validation loss"};
  for (const eval::WordScoresOnSplit& scores : results.outcomes.front().splits) {
    header.push_back(scores.split + ": loss");
    for (const auto& metric : scores.metrics) header.push_back(metric.first);
  }
  return header;
}

std::vector<std::vector<std::string>> outcome_rows(const eval::SearchResults& results) {
  std::vector<std::vector<std::string>> rows;
  for (const eval::WordOutcome& outcome : results.outcomes) {
    std::vector<std::string>& row = rows.emplace_back();
    row = {outcome.name, telemetry::grouped(outcome.passes), telemetry::grouped(outcome.scored),
           decimals(outcome.words.train_loss), decimals(outcome.words.validation_loss)};
    for (const eval::WordScoresOnSplit& scores : outcome.splits) {
      row.push_back(decimals(scores.loss));
      for (const auto& metric : scores.metrics) row.push_back(decimals(metric.second));
    }
  }
  return rows;
}

std::vector<std::string> gain_texts(const eval::SearchResults& results) {
  std::vector<std::string> texts;
  for (const eval::WordGain& each : results.gains) {
    texts.push_back(each.measure + " on " + each.split + ": " + decimals(each.gain.mean) +
                    " better than random (95 %: " + decimals(each.gain.low) + " to " +
                    decimals(each.gain.high) + ")" +
                    (each.gain.excludes_zero() ? "" : ", undecided"));
  }
  return texts;
}

}  // namespace incipit::report
