// The scores of prompt templates, as incipit compare writes them to templates.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/task_metrics.h"

namespace incipit::report {

struct TemplateLine {
  std::string name;
  double score = 0;  // of the deciding metric
  std::optional<data::Interval> interval;
  std::optional<double> on_format;
  std::optional<double> calibration_error;
};

struct TemplateScores {
  std::string split;
  std::string metric;  // the deciding one
  std::int64_t examples = 0;
  std::string best;                     // the name of the chosen template
  std::vector<TemplateLine> templates;  // the best score first
  std::optional<double> majority;       // the score of always giving `majority_answer`
  std::string majority_answer;
};

// Reads templates.json (eval/results.h). Throws DataError naming `source` on other text.
[[nodiscard]] TemplateScores read_template_scores(const std::string& text,
                                                  const std::string& source);

}  // namespace incipit::report
