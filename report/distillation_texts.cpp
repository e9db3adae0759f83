#include "report/distillation_texts.h"

#include "telemetry/output.h"

namespace incipit::report {
namespace {

using eval::DistillationResults;
using eval::Divergence;

std::string nats(double value) { return telemetry::fixed(value, 4); }

std::string range_of(const eval::MeanInterval& interval) {
  return nats(interval.low) + " to " + nats(interval.high);
}

}  // namespace

std::string with_range(const eval::MeanInterval& interval) {
  return nats(interval.mean) + " (" + range_of(interval) + ")";
}

std::string student_title(const Divergence& divergence, std::int64_t learned_rows) {
  if (divergence.student == "no_prompt") return "no prompt";
  if (divergence.student == "learned") return learned_rows > 0 ? "learned prompt" : "learned";
  return "first " + telemetry::grouped(learned_rows) + " tokens";
}

std::vector<std::string> divergence_header() {
  return {"student", "KL per token, nats", "above learned"};
}

TableRows divergence_rows(const DistillationResults& results) {
  TableRows rows;
  for (const Divergence& each : results.divergences) {
    const bool learned = each.student == "learned";
    rows.push_back({student_title(each, results.learned_rows), with_range(each.mean),
                    learned ? "" : with_range(each.over_learned)});
  }
  return rows;
}

std::string saved_tokens(const DistillationResults& results) {
  return telemetry::grouped(results.saved_per_request()) + " of " +
         telemetry::grouped(results.prompt_tokens) + " tokens per request";
}

std::string distillation_sentence(const DistillationResults& results) {
  const Divergence& learned = results.divergences.back();
  std::string text = "On " + telemetry::grouped(results.examples) + " " + results.split +
                     " examples, the learned prompt has a KL divergence of " +
                     nats(learned.mean.mean) + " nats per token (95 %: " + range_of(learned.mean) +
                     ") from the model under the long prompt.";
  for (const Divergence& each : results.divergences) {
    if (each.student == "no_prompt") text += " Without a prompt it is " + nats(each.mean.mean);
    if (each.student == "first_tokens") {
      text += ", under the " + student_title(each, results.learned_rows) + " of the long prompt " +
              nats(each.mean.mean);
    }
  }
  return text + ". The learned prompt saves " + saved_tokens(results) + ".";
}

}  // namespace incipit::report
