#include "eval/teacher.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "nn/host_copy.h"

namespace incipit::eval {
namespace {

using data::Example;

std::int64_t rows_of(const Example& example) {
  return static_cast<std::int64_t>(example.source.size() + example.target.size());
}

// Packs the sequences of examples [begin, end).
TeacherPart make_part(const data::Task& teacher, std::span<const Example* const> examples,
                      std::size_t begin, std::size_t end, const PackedForest& student) {
  std::vector<Example> own_examples;
  for (std::size_t i = begin; i < end; ++i) {
    own_examples.push_back(for_teacher(teacher, *examples[i]));
  }
  std::vector<const Example*> pointers;
  for (const Example& example : own_examples) pointers.push_back(&example);
  PackedForest packed = data::pack_targets(teacher, pointers, PromptRows{});
  TeacherPart part;
  part.target_of.resize(packed.forest.targets.size());
  for (std::size_t i = begin; i < end; ++i) {
    const auto& own = packed.targets[i - begin];
    for (std::size_t k = 0; k < own.size(); ++k) part.target_of[own[k]] = student.targets[i][k];
  }
  part.forest = std::move(packed.forest);
  return part;
}

// Computes the divergences of batches of examples.
class DivergenceRun {
 public:
  DivergenceRun(const methods::Prompted& student, const data::Task& task, Teacher& teacher,
                std::int64_t max_rows)
      : task_(task),
        teacher_(teacher),
        max_rows_(max_rows),
        beginning_(beginning_of(student, task)) {}

  // See BatchRun. An example has one number.
  void run(std::span<const Example* const> examples, std::span<const std::span<double>> sums) {
    const PackedForest packed = data::pack_targets(task_, examples, beginning_.prompt_rows());
    const std::vector<TeacherPart> parts =
        teacher_parts(teacher_.task(), examples, packed, max_rows_);
    const at::Tensor hidden = teacher_.hidden(parts, std::ssize(packed.forest.targets));
    const auto below = beginning_.run(packed.forest, {.teacher = hidden});
    const at::Tensor scores =
        nn::to_host(below.pass.log_likelihoods(), *beginning_.model().backbone().placement().tensor,
                    "divergences")
            .to(at::kDouble);
    const double* by_target = scores.const_data_ptr<double>();
    for (std::size_t i = 0; i < examples.size(); ++i) {
      for (const std::int32_t t : packed.targets[i]) sums[i].front() -= by_target[t];
    }
  }

 private:
  const data::Task& task_;
  Teacher& teacher_;
  std::int64_t max_rows_;
  SharedBeginning beginning_;
};

}  // namespace

Example for_teacher(const data::Task& teacher, Example example) {
  const std::vector<TokenId> opening = teacher.opening();
  const bool begins = opening.size() <= example.source.size() &&
                      std::equal(opening.begin(), opening.end(), example.source.begin());
  if (begins) {
    example.source.erase(example.source.begin(), example.source.begin() + std::ssize(opening));
  }
  return example;
}

data::Dataset for_teacher(const data::Task& teacher, const data::Dataset& dataset) {
  std::vector<Example> examples;
  for (Example example : dataset) examples.push_back(for_teacher(teacher, std::move(example)));
  return {dataset.file(), std::move(examples), dataset.skipped()};
}

std::vector<TeacherPart> teacher_parts(const data::Task& teacher,
                                       std::span<const Example* const> examples,
                                       const PackedForest& student, std::int64_t max_rows) {
  std::vector<TeacherPart> parts;
  for (std::size_t begin = 0, end = 0; begin < examples.size(); begin = end) {
    std::int64_t rows = 0;
    while (end < examples.size() && (end == begin || rows + rows_of(*examples[end]) <= max_rows)) {
      rows += rows_of(*examples[end++]);
    }
    parts.push_back(make_part(teacher, examples, begin, end, student));
  }
  return parts;
}

Teacher::Teacher(const model::Backbone& backbone, const data::Task& task)
    : task_(task), model_(backbone), beginning_(beginning_of(model_, task)) {}

at::Tensor Teacher::hidden(std::span<const TeacherPart> parts, std::int64_t targets) {
  const model::Backbone& backbone = model_.backbone();
  const std::int64_t most =
      backbone.placement().fsdp->all_reduce_max(std::ssize(parts), "passes of the teacher");
  at::Tensor hidden;
  if (backbone.head()) {
    hidden = at::zeros({targets, backbone.spec().hidden_size},
                       at::TensorOptions(backbone.device()).dtype(backbone.dtype()));
  }
  for (const auto& [forest, target_of] : parts) {
    const at::Tensor own = beginning_.run(forest, {.hidden_only = true}).pass.target_hidden();
    if (!hidden.defined()) continue;
    const std::vector<std::int64_t> index(target_of.begin(), target_of.end());
    hidden.index_copy_(0, nn::upload(index, backbone.device()), own);
  }
  for (auto missing = most - std::ssize(parts); missing > 0; --missing) {
    (void)model_.forward({}, {.hidden_only = true});
  }
  return hidden;
}

std::vector<double> divergences(const methods::Prompted& student, const data::Task& task,
                                Teacher& teacher, const data::Dataset& dataset,
                                const EvalOptions& options, comm::Communicator& ranks,
                                const ScoringProgress& on_progress) {
  ExampleSizes sizes;
  for (const Example& example : dataset) {
    sizes.numbers.push_back(1);
    sizes.rows.push_back(rows_of(example));
  }
  DivergenceRun batches(student, task, teacher, options.batch_tokens);
  const Likelihoods sums =
      numbers_of_examples(student.model, dataset, sizes, options.batch_tokens, ranks, on_progress,
                          [&](auto examples, auto own) { batches.run(examples, own); });
  std::vector<double> by_example;
  for (const std::vector<double>& own : sums) by_example.push_back(own.front());
  return by_example;
}

}  // namespace incipit::eval
