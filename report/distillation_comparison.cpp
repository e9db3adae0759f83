#include "report/distillation_comparison.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "report/comparison.h"
#include "report/distillation_texts.h"
#include "report/run_names.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

using eval::DistillationResults;

double learned_divergence(const RunData& run) {
  return run.distillation->divergences.back().mean.mean;
}

}  // namespace

bool are_distilled(std::span<const RunData> runs) {
  return std::all_of(runs.begin(), runs.end(),
                     [](const RunData& run) { return run.distillation.has_value(); });
}

std::vector<std::string> name_distilled(std::span<const RunData> runs) {
  const DistillationResults& first = *runs[0].distillation;
  std::vector<std::vector<std::size_t>> each;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const DistillationResults& other = *runs[r].distillation;
    const auto require = [&](const char* what, std::int64_t here, std::int64_t there) {
      if (here == there) return;
      throw ConfigError(runs[r].dir.string() + ": has another teacher than " +
                        runs[0].dir.string() + ": " + telemetry::grouped(here) + " " + what +
                        ", not " + telemetry::grouped(there) +
                        "; only runs with the same long prompt, questions and answers can be "
                        "compared");
    };
    require("tokens in the long prompt", other.prompt_tokens, first.prompt_tokens);
    require("questions", other.examples, first.examples);
    require("tokens in the answers", other.tokens, first.tokens);
    each.push_back({r});
  }
  return method_names(runs, each);
}

std::vector<std::string> distilled_header() {
  return {"student", "", "KL per token, nats", "saved per request"};
}

TableRows distilled_rows(std::span<const RunData> runs, const std::vector<std::string>& names) {
  TableRows rows;
  std::set<std::string> baselines;
  for (const RunData& run : runs) {
    const DistillationResults& results = *run.distillation;
    for (const eval::Divergence& each : results.divergences) {
      const std::string title = student_title(each, results.learned_rows);
      if (each.student == "learned" || !baselines.insert(title).second) continue;
      rows.push_back({title, "", with_range(each.mean), ""});
    }
  }
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const DistillationResults& results = *runs[r].distillation;
    rows.push_back({names[r], runs[r].config ? method_description(*runs[r].config) : "",
                    with_range(results.divergences.back().mean),
                    telemetry::grouped(results.saved_per_request()) + " tokens"});
  }
  return rows;
}

std::string distilled_sentence(std::span<const RunData> runs,
                               const std::vector<std::string>& names) {
  const auto best = std::min_element(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
    return learned_divergence(a) < learned_divergence(b);
  });
  const DistillationResults& results = *best->distillation;
  return "On " + telemetry::grouped(results.examples) + " " + results.split + " examples, " +
         names[static_cast<std::size_t>(best - runs.begin())] +
         " is the nearest to the model under the long prompt of " +
         telemetry::grouped(results.prompt_tokens) + " tokens: a KL divergence of " +
         with_range(results.divergences.back().mean) + " nats per token.";
}

}  // namespace incipit::report
