// Report page: context distillation.
#include "report/distillation_comparison.h"
#include "report/distillation_texts.h"
#include "report/page_parts.h"
#include "telemetry/output.h"

namespace incipit::report {

void write_distillation(Html& page, const RunData& run) {
  if (!run.distillation) return;
  const eval::DistillationResults& results = *run.distillation;
  page.leaf("h2", "Context distillation");
  page.leaf("p", {{"class", "soft"}},
            "Mean KL(teacher || student) over the " + telemetry::grouped(results.tokens) +
                " tokens of the teacher's answers to " + telemetry::grouped(results.examples) +
                " " + results.split +
                " examples. The teacher is the frozen model under the long prompt of " +
                telemetry::grouped(results.prompt_tokens) +
                " tokens. In brackets: 95 % bootstrap intervals over the examples.");
  write_table(page, divergence_header(), divergence_rows(results), true);
  page.leaf("p", {{"class", "soft"}}, "Saved: " + saved_tokens(results) + ".");
}

void write_distilled(Html& page, const Report& report) {
  if (report.distilled.empty()) return;
  page.leaf("h2", "Context distillation");
  page.leaf("p", {{"class", "soft"}},
            "Mean KL(teacher || student) over the tokens of the teacher's answers. In brackets: "
            "95 % bootstrap intervals over the examples.");
  write_table(page, distilled_header(), distilled_rows(report.runs, report.distilled), true);
}

}  // namespace incipit::report
