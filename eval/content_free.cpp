#include "eval/content_free.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "core/check.h"
#include "core/error.h"

namespace incipit::eval {
namespace {

// Candidates per example. Small enough that several ranks get some of them.
constexpr std::size_t kTogether = 64;

// Returns what stands for every field of the template in each input without content.
std::vector<std::string> fields_of(data::Score score) {
  if (score == data::Score::kPmi) return {""};
  INCIPIT_CHECK(score == data::Score::kCalibrated);
  return {"N/A", "[MASK]", ""};
}

}  // namespace

bool needs_content_free(data::Score score) {
  return score == data::Score::kPmi || score == data::Score::kCalibrated;
}

ContentFree::ContentFree(data::Score score, const data::Task& task, const data::Dataset& dataset,
                         bool has_prompt)
    : score_(score), inputs_count_(fields_of(score).size()) {
  if (task.content_free_source("").empty() && !has_prompt && task.prefix().empty() &&
      task.bos_place() == data::BosPlace::kNone) {
    throw ConfigError(
        "task.score: pmi and calibrated compare with the template without what its fields hold, "
        "and there nothing is left from which an answer could be predicted; set task.bos, or write "
        "more into task.template");
  }
  std::vector<data::Candidates> parts;
  for (const data::Example& example : dataset) {
    for (const data::Candidate& candidate : *example.candidates) {
      if (places_.contains(candidate.tokens)) continue;
      if (parts.empty() || parts.back().size() == kTogether) parts.emplace_back();
      places_.emplace(candidate.tokens, std::pair(parts.size() - 1, parts.back().size()));
      parts.back().push_back(candidate);
    }
  }
  parts_ = parts.size();
  std::vector<std::shared_ptr<const data::Candidates>> shared;
  for (data::Candidates& part : parts) {
    shared.push_back(std::make_shared<const data::Candidates>(std::move(part)));
  }
  std::vector<data::Example> examples;
  for (const std::string& field : fields_of(score)) {
    for (const auto& part : shared) {
      data::Example& example = examples.emplace_back();
      example.source = task.content_free_source(field);
      example.candidates = part;
    }
  }
  inputs_ = data::Dataset("an input without content to " + dataset.file(), std::move(examples), 0);
}

std::vector<double> ContentFree::after_input(const data::Candidates& candidates, std::size_t input,
                                             const Likelihoods& content_free) const {
  std::vector<double> values;
  for (const data::Candidate& candidate : candidates) {
    const auto [part, place] = places_.at(candidate.tokens);
    values.push_back(content_free[input * parts_ + part][place]);
  }
  return values;
}

std::vector<double> ContentFree::log_mean(const data::Candidates& candidates,
                                          const Likelihoods& content_free) const {
  std::vector<double> mean(candidates.size(), 0.0);
  for (std::size_t input = 0; input < inputs_count_; ++input) {
    std::vector<double> values = after_input(candidates, input, content_free);
    normalize(values);
    for (std::size_t c = 0; c < mean.size(); ++c) {
      mean[c] += std::exp(values[c]) / static_cast<double>(inputs_count_);
    }
  }
  for (double& value : mean) value = std::log(value);
  return mean;
}

void ContentFree::apply(Likelihoods& likelihoods, const data::Dataset& dataset,
                        const Likelihoods& content_free) const {
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const data::Candidates& candidates = *dataset[i].candidates;
    std::vector<double>& own = likelihoods[static_cast<std::size_t>(i)];
    if (score_ == data::Score::kCalibrated) normalize(own);
    const std::vector<double> baseline = score_ == data::Score::kCalibrated
                                             ? log_mean(candidates, content_free)
                                             : after_input(candidates, 0, content_free);
    for (std::size_t c = 0; c < own.size(); ++c) own[c] -= baseline[c];
  }
}

void normalize(std::vector<double>& log_likelihoods) {
  const double highest = *std::max_element(log_likelihoods.begin(), log_likelihoods.end());
  double sum = 0;
  for (const double value : log_likelihoods) sum += std::exp(value - highest);
  const double all = highest + std::log(sum);
  for (double& value : log_likelihoods) value -= all;
}

}  // namespace incipit::eval
