// The results of context distillation as texts, for the terminal and for pages.
#pragma once

#include <cstdint>
#include <string>

#include "eval/distillation_results.h"
#include "report/plain_table.h"

namespace incipit::report {

// "0.1770 (0.1630 to 0.1920)": nats with a 95 % interval.
[[nodiscard]] std::string with_range(const eval::MeanInterval& interval);

// "no prompt", "first 20 tokens", "learned prompt". `learned_rows`: of the learned prompt.
[[nodiscard]] std::string student_title(const eval::Divergence& divergence,
                                        std::int64_t learned_rows);

// Returns the header of divergence_rows().
[[nodiscard]] std::vector<std::string> divergence_header();
// Returns a row for each student: its name, its divergence and by how much it is above that of the
// learned prompt, with 95 % intervals.
[[nodiscard]] TableRows divergence_rows(const eval::DistillationResults& results);

// "2,122 of 2,142 tokens per request"
[[nodiscard]] std::string saved_tokens(const eval::DistillationResults& results);

// Returns the result in sentences.
[[nodiscard]] std::string distillation_sentence(const eval::DistillationResults& results);

}  // namespace incipit::report
