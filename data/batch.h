// Converts examples to sequences and packs them into the forest that a backbone computes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/forest.h"
#include "data/task.h"

namespace incipit::data {

// An example of a batch that may mix several tasks.
struct BatchItem {
  const Task* task = nullptr;
  const Example* example = nullptr;
  PromptRows prompt{};
};

// A batch to score. Sequences [first[i], first[i + 1]) are the candidates of example i, in order;
// packed.targets[s][k] is the forest's target for token k of sequence s's candidate.
struct ScoringBatch {
  PackedForest packed;
  std::vector<std::int32_t> first{0};
};

// Builds the sequence of BOS, prompt, prefix and source, in the task's order, without predictions.
// A resident prompt always comes first.
[[nodiscard]] Sequence source_sequence(const Task& task, const Example& example, PromptRows prompt);

// Returns source_sequence() followed by `tokens`, each predicted with `weight`. The last token is
// predicted but is not an input. `tokens` is not empty.
[[nodiscard]] Sequence target_sequence(const Task& task, const Example& example, PromptRows prompt,
                                       std::span<const TokenId> tokens, float weight = 1);

// Returns source_sequence() with an output of the task's head to score at each row of the example's
// scored text: `tags`, one for each row.
[[nodiscard]] Sequence tags_sequence(const Task& task, const Example& example, PromptRows prompt,
                                     std::span<const TokenId> tags);
// The same with both outputs, 0 and then 1, at each row: the answer begins or ends there.
[[nodiscard]] Sequence span_sequence(const Task& task, const Example& example, PromptRows prompt);

// Packs the examples with their targets, sequence i being example i. No examples give an empty
// forest. Throws LogicError when an example has no target.
[[nodiscard]] PackedForest pack_targets(std::span<const BatchItem> items);
[[nodiscard]] PackedForest pack_targets(const Task& task, std::span<const Example* const> examples,
                                        PromptRows prompt);

// Builds a scoring batch. Every example must have candidates.
[[nodiscard]] ScoringBatch scoring_batch(std::span<const BatchItem> items);
[[nodiscard]] ScoringBatch scoring_batch(const Task& task, std::span<const Example* const> examples,
                                         PromptRows prompt);

}  // namespace incipit::data
