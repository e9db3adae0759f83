#include "eval/prompt_roots.h"

#include <algorithm>

namespace incipit::eval {
namespace {

Sequence beginning(const data::Task& task, PromptRows prompt) {
  return data::source_sequence(task, data::Example{}, prompt);
}

}  // namespace

PromptRoots::PromptRoots(const methods::PromptedModel& model, std::span<const std::size_t> prompts,
                         const data::Task& task)
    : model_(model), task_(task) {
  std::vector<Sequence> beginnings;
  std::int64_t rows = 0;
  for (const std::size_t prompt : prompts) {
    const Sequence& own = beginnings.emplace_back(beginning(task, model.rows(prompt)));
    const auto computed = std::find_if(own.inputs.begin(), own.inputs.end(),
                                       [](const Symbol& input) { return !input.is_resident(); });
    const Range range{computed - own.inputs.begin(), std::ssize(own.inputs)};
    roots_.push_back({model.rows(prompt), range, rows});
    rows += range.size();
  }
  if (rows == 0) return;
  // Nothing is shared, so that the rows of a beginning are consecutive.
  pass_ = std::make_unique<model::ForestPass>(
      model.forward(pack(beginnings, /*min_shared_rows=*/0).forest, {.keep_keys_values = true}));
}

std::int64_t PromptRoots::longest(const methods::PromptedModel& model,
                                  std::span<const std::size_t> prompts, const data::Task& task) {
  std::int64_t longest = 0;
  for (const std::size_t prompt : prompts) {
    longest = std::max(longest, std::ssize(beginning(task, model.rows(prompt)).inputs));
  }
  return longest;
}

void PromptRoots::make_resident(const Root& root, Sequence& sequence) const {
  const std::int64_t end = std::min(root.computed.end, sequence.predictions.front().index);
  for (std::int64_t i = root.computed.begin; i < end; ++i) {
    sequence.inputs[static_cast<std::size_t>(i)] = Symbol::resident_row(
        model_.stores(), static_cast<int>(root.first + i - root.computed.begin));
  }
}

PromptRoots::Scored PromptRoots::run(std::span<const data::Example* const> examples) {
  data::ScoringBatch batch;
  std::vector<Sequence> sequences;
  for (const Root& root : roots_) {
    for (const data::Example* example : examples) {
      for (const data::Candidate& candidate : *example->candidates) {
        Sequence& sequence = sequences.emplace_back(
            data::target_sequence(task_, *example, root.prompt, candidate.tokens));
        make_resident(root, sequence);
      }
      batch.first.push_back(static_cast<std::int32_t>(sequences.size()));
    }
  }
  batch.packed = pack(sequences);
  model::ForestPassOptions options;
  if (pass_) options.residents = {&pass_->keys_values()};
  model::ForestPass pass = model_.forward(batch.packed.forest, options);
  return {std::move(batch), std::move(pass)};
}

}  // namespace incipit::eval
