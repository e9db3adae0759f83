// Context distillation in a training run (`train.loss: distillation`, eval/teacher.h): the answers
// that the model writes under the long prompt, and the divergences at the end.
//
// RUN_DIR/answers.jsonl has a hash of what the answers depend on, {"inputs": "..."}, and then a
// line for each example: {"split": "train", "line": 1, "tokens": [...], "text": "..."}.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "eval/distillation_results.h"
#include "eval/teacher.h"
#include "launcher/evaluation_progress.h"
#include "launcher/session.h"
#include "telemetry/output.h"

namespace incipit::launcher {

// Whether a run distils.
[[nodiscard]] bool distils(const configs::RunConfig& config);

class Distillation {
 public:
  // Sets the target of every example of the session's splits to an answer: that of
  // RUN_DIR/answers.jsonl or, if there is no such file of the same inputs, one that the model
  // generates under the long prompt. Rank 0 then writes the file. `resumes`: the run resumes, so
  // another file is a ConfigError.
  // The session must outlive the object. Throws DataError as reading the prompt does. Collective
  // over the mesh.
  Distillation(Session& session, bool resumes);

  [[nodiscard]] eval::Teacher& teacher() { return *teacher_; }

  // Computes the divergences on the test split: without a prompt, with as many first tokens of the
  // long prompt as the learned prompt has rows, and with the learned prompt, adapter/best of the
  // run directory. Rank 0 writes RUN_DIR/distillation.json. Does nothing without a test split.
  // Collective over the mesh.
  void measure();

  // Adds what measure() found.
  void add_facts(telemetry::Facts& facts) const;

 private:
  [[nodiscard]] std::string identity() const;
  [[nodiscard]] std::string answers_of_file(const std::filesystem::path& file, bool resumes) const;
  [[nodiscard]] std::string write_answers();
  void set_answers(const std::string& answers);

  Session& session_;
  data::Task task_;  // with the long prompt
  std::unique_ptr<eval::Teacher> teacher_;
  EvaluationProgress progress_;
  std::optional<eval::DistillationResults> results_;
};

}  // namespace incipit::launcher
