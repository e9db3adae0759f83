#include "data/batch.h"

#include <iterator>

#include "core/check.h"

namespace incipit::data {

Sequence source_sequence(const Task& task, const Example& example, PromptRows prompt) {
  Sequence sequence;
  const BosPlace bos = task.bos_place();
  if (prompt.resident) sequence.append_prompt(prompt);
  if (bos == BosPlace::kBeforePrompt) sequence.inputs.push_back(Symbol::token(task.bos()));
  if (!prompt.resident) sequence.append_prompt(prompt);
  if (bos == BosPlace::kAfterPrompt) sequence.inputs.push_back(Symbol::token(task.bos()));
  sequence.append_tokens(task.prefix());
  sequence.append_tokens(example.source);
  return sequence;
}

Sequence target_sequence(const Task& task, const Example& example, PromptRows prompt,
                         std::span<const TokenId> tokens, float weight) {
  INCIPIT_CHECK(!tokens.empty(), "a target needs tokens");
  Sequence sequence = source_sequence(task, example, prompt);
  INCIPIT_CHECK(!sequence.inputs.empty(), "nothing predicts the target's first token");
  const auto before = static_cast<std::int64_t>(sequence.inputs.size()) - 1;
  sequence.append_tokens(tokens.first(tokens.size() - 1));
  for (std::size_t k = 0; k < tokens.size(); ++k) {
    sequence.predictions.push_back({before + static_cast<std::int64_t>(k), tokens[k], weight});
  }
  return sequence;
}

namespace {

// Scores `outputs`, equally many at each row of the scored text.
Sequence places_sequence(const Task& task, const Example& example, PromptRows prompt,
                         std::span<const TokenId> outputs, std::size_t at_each) {
  Sequence sequence = source_sequence(task, example, prompt);
  const auto first = std::ssize(sequence.inputs) - std::ssize(example.source);
  const std::vector<std::int64_t>& rows = example.scored->rows;
  INCIPIT_CHECK(outputs.size() == at_each * rows.size());
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    sequence.predictions.push_back({first + rows[k / at_each], outputs[k]});
  }
  return sequence;
}

}  // namespace

Sequence tags_sequence(const Task& task, const Example& example, PromptRows prompt,
                       std::span<const TokenId> tags) {
  return places_sequence(task, example, prompt, tags, 1);
}

Sequence span_sequence(const Task& task, const Example& example, PromptRows prompt) {
  std::vector<TokenId> outputs;
  for (std::size_t k = 0; k < example.scored->rows.size(); ++k) {
    outputs.push_back(0);
    outputs.push_back(1);
  }
  return places_sequence(task, example, prompt, outputs, 2);
}

namespace {

std::vector<BatchItem> items_of(const Task& task, std::span<const Example* const> examples,
                                PromptRows prompt) {
  std::vector<BatchItem> items;
  for (const Example* example : examples) items.push_back({&task, example, prompt});
  return items;
}

}  // namespace

PackedForest pack_targets(std::span<const BatchItem> items) {
  std::vector<Sequence> sequences;
  for (const auto& [task, example, prompt] : items) {
    INCIPIT_CHECK(!example->target.empty(), "line ", example->line, " has no target");
    switch (task->options().kind) {
      case TaskKind::kText:
      case TaskKind::kSequenceClassification:
        sequences.push_back(target_sequence(*task, *example, prompt, example->target));
        break;
      case TaskKind::kTokenClassification:
        sequences.push_back(tags_sequence(*task, *example, prompt, example->target));
        break;
      case TaskKind::kExtractiveQuestion:
        sequences.push_back(span_sequence(*task, *example, prompt));
        break;
    }
  }
  return pack(sequences);
}

PackedForest pack_targets(const Task& task, std::span<const Example* const> examples,
                          PromptRows prompt) {
  return pack_targets(items_of(task, examples, prompt));
}

ScoringBatch scoring_batch(std::span<const BatchItem> items) {
  ScoringBatch batch;
  std::vector<Sequence> sequences;
  for (const auto& [task, example, prompt] : items) {
    INCIPIT_CHECK(!example->candidates->empty(), "line ", example->line, " has no candidates");
    for (const Candidate& candidate : *example->candidates) {
      sequences.push_back(target_sequence(*task, *example, prompt, candidate.tokens));
    }
    batch.first.push_back(static_cast<std::int32_t>(sequences.size()));
  }
  batch.packed = pack(sequences);
  return batch;
}

ScoringBatch scoring_batch(const Task& task, std::span<const Example* const> examples,
                           PromptRows prompt) {
  return scoring_batch(items_of(task, examples, prompt));
}

}  // namespace incipit::data
