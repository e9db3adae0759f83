#include "eval/pmi_baseline.h"

#include <memory>

#include "core/error.h"

namespace incipit::eval {
namespace {

// Candidates per example. Small enough that several ranks get some of them.
constexpr std::size_t kTogether = 64;

}  // namespace

PmiBaseline::PmiBaseline(const data::Task& task, const data::Dataset& dataset, bool has_prompt) {
  data::Example empty;
  empty.source = task.empty_source();
  if (empty.source.empty() && !has_prompt && task.prefix().empty() &&
      task.bos_place() == data::BosPlace::kNone) {
    throw ConfigError(
        "task.score: pmi compares with the template without what its fields hold, and there "
        "nothing is left from which an answer could be predicted; set task.bos, or write more into "
        "task.template");
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
  std::vector<data::Example> examples;
  for (data::Candidates& part : parts) {
    examples.push_back(empty);
    examples.back().candidates = std::make_shared<const data::Candidates>(std::move(part));
  }
  alone_ = data::Dataset("an empty input to " + dataset.file(), std::move(examples), 0);
}

void PmiBaseline::subtract_from(std::vector<std::vector<double>>& likelihoods,
                                const data::Dataset& dataset,
                                const std::vector<std::vector<double>>& alone) const {
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const data::Example& example = dataset[i];
    for (std::size_t c = 0; c < example.candidates->size(); ++c) {
      const auto [part, place] = places_.at((*example.candidates)[c].tokens);
      likelihoods[static_cast<std::size_t>(i)][c] -= alone[part][place];
    }
  }
}

}  // namespace incipit::eval
