// The results of context distillation (eval/teacher.h), and their file, RUN_DIR/distillation.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/bootstrap.h"

namespace incipit::eval {

// KL(teacher || student) of one student on a split, mean per target token in nats, with bootstrap
// intervals over the examples.
struct Divergence {
  std::string student;  // no_prompt, first_tokens, learned
  MeanInterval mean;
  MeanInterval over_learned;  // minus that of `learned`, paired; unused for `learned`
};

struct DistillationResults {
  std::string split;
  std::int64_t examples = 0;
  std::int64_t tokens = 0;              // of the answers
  std::int64_t prompt_tokens = 0;       // of the long prompt
  std::int64_t learned_rows = 0;        // of the learned prompt
  std::vector<Divergence> divergences;  // that of `learned` last

  // Returns by how many tokens the learned prompt is shorter.
  [[nodiscard]] std::int64_t saved_per_request() const { return prompt_tokens - learned_rows; }
};

// The divergences of one student by example: sums over the target tokens.
struct StudentSums {
  std::string student;
  std::vector<double> sums;
};

// Returns the means of all students. `tokens`: the target tokens of every example. The last student
// is `learned`.
[[nodiscard]] std::vector<Divergence> mean_divergences(const std::vector<StudentSums>& students,
                                                       const std::vector<std::int64_t>& tokens);

// Returns the results as JSON, and reads them. read_distillation() throws DataError naming `source`
// on other text.
[[nodiscard]] std::string distillation_json(const DistillationResults& results);
[[nodiscard]] DistillationResults read_distillation(const std::string& json,
                                                    const std::string& source);

}  // namespace incipit::eval
