// Context distillation in a training run (`train.loss: distillation`, eval/teacher.h): the teacher,
// whose answers (launcher/teacher_answers.h) the prompt learns, and the divergences at the end.
#pragma once

#include <memory>
#include <optional>

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
  // Gives the examples of the session's splits their answers (set_answers()). The session must
  // outlive the object. Throws what set_answers() and reading the long prompt throw. Collective
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
  Session& session_;
  data::Task task_;  // with the long prompt
  std::unique_ptr<eval::Teacher> teacher_;
  EvaluationProgress progress_;
  std::optional<eval::DistillationResults> results_;
};

}  // namespace incipit::launcher
