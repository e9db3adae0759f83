// The parts of a report's page. Each writes nothing if the report has no data for it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "report/html.h"
#include "report/report.h"

namespace incipit::report {

// Return "63.2 %", and "+4.1" (percentage points with a sign).
[[nodiscard]] std::string percent(double share);
[[nodiscard]] std::string points(double difference);
// "57.3 to 68.6"
[[nodiscard]] std::string percent_range(double low, double high);

// Returns the result in one sentence.
[[nodiscard]] std::string result_sentence(const Report& report);

void write_head(Html& page, const Report& report);
void write_comparison(Html& page, const Comparison& comparison);
// Writes how near each of several runs of context distillation comes to the teacher.
void write_distilled(Html& page, const Report& report);
// Write the score against the number of training examples, and against the number of the model's
// parameters. The latter says so if that is not measured.
void write_learning_curves(Html& page, const Report& report);
void write_size_curves(Html& page, const Report& report);
// Writes loss, learning rate, gradient norm, scores and step time of all trained runs.
void write_curves(Html& page, const Report& report);

// Parts for a single run.
void write_diagnosis(Html& page, const trainer::Diagnosis& diagnosis);
void write_scores(Html& page, const RunFigures& figures);
void write_confusion(Html& page, const RunFigures& figures);
void write_errors(Html& page, const RunFigures& figures);
// Writes the fields that a record puts into the template.
void write_input(Html& page, const FieldValues& input);
// The same for free answers.
void write_text_scores(Html& page, const RunFigures& figures);
void write_answers(Html& page, const RunFigures& figures);
void write_example(Html& page, const RunFigures& figures);
// Writes the templates that incipit compare scored.
void write_templates(Html& page, const RunData& run);
// Writes the divergences from the teacher.
void write_distillation(Html& page, const RunData& run);
void write_cost(Html& page, const RunData& run, const Cost& cost);

// Writes a dot with whiskers on a line from 0 to 1, and a tick at `mark`.
void write_interval(Html& page, double value, double low, double high, double mark, int colour);

}  // namespace incipit::report
