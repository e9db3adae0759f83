#include "tests/conformance/subjects.h"

#include <algorithm>
#include <span>
#include <utility>

#include "families/registry.h"

namespace incipit::conformance {
namespace {

constexpr TokenId kDecoderStart = 1;

// Appends tokens. With an encoder the first `source` are its, and the others the decoder's, after
// the token that its inputs begin with.
void append(const model::ModelSpec& spec, std::vector<TokenId> ids, std::size_t source,
            Sequence& sequence) {
  if (!spec.has_encoder()) return sequence.append_tokens(ids);
  const auto first = std::min(source, ids.size());
  sequence.append_tokens(std::span(ids).first(first));
  sequence.start_decoder();
  sequence.inputs.push_back(Symbol::token(kDecoderStart));
  sequence.append_tokens(std::span(ids).subspan(first));
}

}  // namespace

std::vector<model::ModelSpec> all_models() {
  std::vector<model::ModelSpec> models;
  for (const families::Family& family : families::all_families()) {
    for (const model::ModelSpec& spec : family.examples()) models.push_back(spec);
  }
  return models;
}

std::vector<Subject> all_subjects() {
  std::vector<Subject> subjects;
  for (const methods::MethodOptions& options : methods::example_options())
    subjects.push_back({options});
  const std::vector<std::string> outputs(45, "output");
  using methods::HeadKind;
  for (const auto& [method, head] : {std::pair{"linear_probe", HeadKind::kTokens},
                                     {"prompt_tuning", HeadKind::kSequence},
                                     {"prefix_tuning", HeadKind::kSpan},
                                     {"lora", HeadKind::kTokens}}) {
    subjects.push_back({methods::small_options(method), methods::HeadOptions{head, outputs}});
  }
  subjects.back().options.init.kind = methods::InitKind::kRandomUniform;
  return subjects;
}

std::shared_ptr<methods::Trainable> start(const Subject& subject, const model::ModelSpec& spec,
                                          std::uint64_t seed) {
  return methods::make_trainable(subject.options,
                                 {.spec = spec,
                                  .embed = {},
                                  .special_ids = {},
                                  .text_ids = {},
                                  .label_ids = {},
                                  .head = subject.head,
                                  .seed = seed},
                                 "task");
}

std::shared_ptr<methods::Trainable> start_without_data(const Subject& subject,
                                                       const model::ModelSpec& spec) {
  return methods::make_trainable_without_data(subject.options, spec, "task", subject.head);
}

std::vector<Sequence> batch_after(const model::ModelSpec& spec, const PromptRows& prompt) {
  std::vector<Sequence> batch;
  for (const std::vector<TokenId>& ids : {std::vector<TokenId>{7, 8, 9, 10},
                                          {7, 8, 9, 60, 11},
                                          {7, 8},
                                          {20, 21, 22, 23, 24, 25},
                                          {30},
                                          {7, 8, 9, 10, 12, 13}}) {
    Sequence& sequence = batch.emplace_back();
    sequence.append_prompt(prompt);
    append(spec, ids, /*source=*/2, sequence);
    const auto last = static_cast<std::int64_t>(sequence.inputs.size()) - 1;
    sequence.predictions = {{last, 3, 1.0F}, {last, 41, 0.5F}};
    if (ids.size() > 2) sequence.predictions.push_back({last - 1, 17, 1.0F});
  }
  return batch;
}

std::vector<Sequence> long_batch_after(const model::ModelSpec& spec, const PromptRows& prompt) {
  std::vector<Sequence> batch(50);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    std::vector<TokenId> ids(24, 7);
    ids.front() = static_cast<TokenId>(i);
    batch[i].append_prompt(prompt);
    append(spec, ids, /*source=*/8, batch[i]);
    const auto last = static_cast<std::int64_t>(batch[i].inputs.size()) - 1;
    batch[i].predictions = {{last, 3}, {last - 1, 4}, {last - 2, 5}};
  }
  return batch;
}

}  // namespace incipit::conformance
