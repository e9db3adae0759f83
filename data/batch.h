// Examples -> sequences -> the packed forest that a backbone computes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/forest.h"
#include "data/task.h"

namespace incipit::data {

// The soft prompt in front of a task's sequences.
struct PromptRows {
  int prompt = 0;  // its number in the batch
  int rows = 0;    // 0: none
};

// An example of a batch whose examples may be of several tasks.
struct BatchItem {
  const Task* task = nullptr;
  const Example* example = nullptr;
  PromptRows prompt{};
};

// A batch to train on: sequence i is examples[i].
struct TrainingBatch {
  PackedForest packed;
  std::int64_t examples = 0;
  double target_tokens = 0;  // sum of the targets' weights
};

// A batch to score: sequences [first[i], first[i + 1]) are the candidates of example i in order;
// packed.targets[s][k] is the forest's target for token k of that candidate.
struct ScoringBatch {
  PackedForest packed;
  std::vector<std::int32_t> first{0};
};

// BOS, soft prompt, prefix and source, as the task orders them, with no predictions.
[[nodiscard]] Sequence source_sequence(const Task& task, const Example& example, PromptRows prompt);

// source_sequence() continued by `tokens`, each of them predicted with `weight`. The last
// is only predicted: it is no input. `tokens` is not empty.
[[nodiscard]] Sequence target_sequence(const Task& task, const Example& example, PromptRows prompt,
                                       std::span<const TokenId> tokens, float weight = 1);

// Throws LogicError when an example has no target. An empty batch is an empty forest.
[[nodiscard]] TrainingBatch training_batch(std::span<const BatchItem> items);
[[nodiscard]] TrainingBatch training_batch(const Task& task,
                                           std::span<const Example* const> examples,
                                           PromptRows prompt);

// Every example has candidates.
[[nodiscard]] ScoringBatch scoring_batch(std::span<const BatchItem> items);
[[nodiscard]] ScoringBatch scoring_batch(const Task& task, std::span<const Example* const> examples,
                                         PromptRows prompt);

}  // namespace incipit::data
