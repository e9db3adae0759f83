// Prints a report's figures for a terminal, or as JSON for other programs.
#pragma once

#include <iosfwd>
#include <string>

#include "report/report.h"
#include "telemetry/output.h"

namespace incipit::report {

// Prints the comparison as a table.
void print_comparison(std::ostream& out, const telemetry::Style& style,
                      const Comparison& comparison);

// Prints several runs of context distillation as a table.
void print_distilled(std::ostream& out, const telemetry::Style& style, const Report& report);

// Prints a table of the curves against training examples and one of those against model parameters,
// if there are any: the gain of each number over the next smaller one, by the comparison's paired
// bootstrap.
void print_score_curves(std::ostream& out, const telemetry::Style& style, const Report& report);

// {"runs":[{"name","dir","scores":{"test":{"examples","accuracy","accuracy_95","macro_f1",
//    "majority_label","majority"}}}],
//  "comparison":{"examples","metric","majority_label","best","bootstrap":{"resamples","seed"},
//    "methods":[{"name","description","runs","accuracies","accuracy","accuracy_95"}],
//    "gains":[{"of","over","gain","gain_95","excludes_zero"}]},
//  "learning_curves":[{"name","points":[{"examples","method"}]}],
//  "size_curves":[{"name","points":[{"parameters","method"}]}]}
// with "comparison" only for several runs that are scored on a test split, "distillation" (as
// distillation.json) in runs of context distillation, "learning_curves" if train.examples differs,
// and "size_curves" if the sizes of the models do. Of free answers, a split has their metrics with
// intervals, "constant" (the most frequent right answer) and "constant_scores" in place of the
// figures of labels; their methods have "scores" and the metric's name in place of "accuracies" and
// "accuracy"; other fields refer to methods by their list index.
[[nodiscard]] std::string report_json(const Report& report);

}  // namespace incipit::report
