// Context distillation (Askell et al. 2021): the frozen model under a long hard prompt is the
// teacher of the same model under another prompt. Both predict the tokens of the same answers, and
// the loss is the Kullback-Leibler divergence of the student's next-token distributions from the
// teacher's.
//
// What is kept of the teacher is the hidden state after the last layer, a row for each target.
// Where the student's logits are computed, the teacher's are too, for a few rows at a time
// (nn/divergence_scores.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "core/forest.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/task.h"
#include "eval/eval_options.h"
#include "eval/scorer.h"
#include "eval/shared_beginning.h"
#include "methods/prompted_model.h"

namespace incipit::eval {

// Returns the example without the chat's opening at the beginning of its source, since that of
// `teacher`, the task with the long prompt, has it in the prefix.
[[nodiscard]] data::Example for_teacher(const data::Task& teacher, data::Example example);
[[nodiscard]] data::Dataset for_teacher(const data::Task& teacher, const data::Dataset& dataset);

// The teacher's sequences for some of the examples of a student's batch.
struct TeacherPart {
  Forest forest;
  std::vector<std::int32_t> target_of;  // by target: the index of the student's target
};

// Packs the teacher's sequences of `examples`, which are those that `student` was packed from
// (data::pack_targets), in parts of at most `max_rows` rows where examples allow it; the prompt is
// not counted. `teacher` is the task with the long prompt.
[[nodiscard]] std::vector<TeacherPart> teacher_parts(const data::Task& teacher,
                                                     std::span<const data::Example* const> examples,
                                                     const PackedForest& student,
                                                     std::int64_t max_rows);

class Teacher {
 public:
  // Computes the prompt of `task`, which stays resident. Both arguments must outlive the object.
  // Collective over the ranks that hold the model together. Throws DataError when the prompt has
  // more tokens than the model has positions.
  Teacher(const model::Backbone& backbone, const data::Task& task);

  [[nodiscard]] const data::Task& task() const { return task_; }
  // The model without a learned prompt.
  [[nodiscard]] const methods::PromptedModel& model() const { return model_; }

  // Returns the teacher's hidden states for `targets` targets of a student's forest (see
  // model::ForestPassOptions::teacher). Undefined on pipeline stages without scores. Collective
  // over the ranks that hold the model together, which may have different numbers of parts under
  // FSDP.
  [[nodiscard]] at::Tensor hidden(std::span<const TeacherPart> parts, std::int64_t targets);

 private:
  const data::Task& task_;
  methods::PromptedModel model_;
  SharedBeginning beginning_;
};

// Returns the sum over the target tokens of KL(teacher || student), in nats, of every example of
// `dataset`, in order. `task` is the student's. Every example must have a target. Otherwise like
// score_candidates() for ranks, progress and errors.
[[nodiscard]] std::vector<double> divergences(const methods::Prompted& student,
                                              const data::Task& task, Teacher& teacher,
                                              const data::Dataset& dataset,
                                              const EvalOptions& options, comm::Communicator& ranks,
                                              const ScoringProgress& on_progress = nullptr);

}  // namespace incipit::eval
