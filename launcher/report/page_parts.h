// The parts of a report's page. Each writes nothing where the report has nothing for it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "launcher/report/html.h"
#include "launcher/report/report.h"

namespace incipit::launcher::report {

// page.css and page.js, which travel inside the program.
[[nodiscard]] std::string_view page_style();
[[nodiscard]] std::string_view page_script();

// "63.2 %"; "+4.1" points with a sign.
[[nodiscard]] std::string percent(double share);
[[nodiscard]] std::string points(double difference);
// "57.3 to 68.6"
[[nodiscard]] std::string percent_range(double low, double high);

// The result in a sentence.
[[nodiscard]] std::string result_sentence(const Report& report);

void write_head(Html& page, const Report& report);
void write_comparison(Html& page, const Comparison& comparison);
// Loss, rate, gradient, scores and step time of all runs that trained.
void write_curves(Html& page, const Report& report);

// Of run r.
void write_diagnosis(Html& page, const Diagnosis& diagnosis);
void write_scores(Html& page, const RunFigures& figures);
void write_confusion(Html& page, const RunFigures& figures);
void write_errors(Html& page, const RunFigures& figures);
void write_example(Html& page, const RunFigures& figures);
void write_cost(Html& page, const RunData& run, const Cost& cost);

// A dot with whiskers on the line from 0 to 1, and a tick at `mark`.
void write_interval(Html& page, double value, double low, double high, double mark, int colour);

}  // namespace incipit::launcher::report
