#include "model/forest_pass.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/phase.h"
#include "model/pass_graphs.h"
#include "model/pass_state.h"
#include "nn/ledger.h"

namespace incipit::model {

namespace {

void check_forest(const Forest& forest, const Backbone& backbone,
                  std::span<const at::Tensor> prompts, const ForestPassOptions& options) {
  const std::vector<nn::KeyValueStore*>& residents = options.residents;
  const ModelSpec& c = backbone.spec();
  for (const PromptSpan& span : forest.prompt_spans) {
    INCIPIT_CHECK(span.prompt >= 0 && span.prompt < static_cast<int>(prompts.size()),
                  "the forest refers to prompt ", span.prompt);
    const at::Tensor& prompt = prompts[span.prompt];
    INCIPIT_CHECK(prompt.dim() == 2 && prompt.size(1) == c.hidden_size &&
                      span.prompt_row + span.count <= prompt.size(0),
                  "prompt ", span.prompt, " does not fit the forest or the model");
  }
  for (int s = 0; s < forest.segment_count(); ++s) {
    const int parent = forest.parent[s];
    INCIPIT_CHECK(forest.stack[s] == 0 || c.has_encoder(), "segment ", s, " is of a second stack");
    INCIPIT_CHECK(parent < 0 || forest.rows(parent).empty() ||
                      forest.stack[parent] != forest.stack[s] || c.is_causal(forest.stack[s]),
                  "segment ", parent, " has segments below it, but its rows depend on theirs");
  }
  for (const TokenId token : forest.tokens) {
    INCIPIT_CHECK(token < c.vocab_size, "token id ", token, " of ", c.vocab_size);
  }
  const std::int64_t outputs = options.class_head ? options.class_head->outputs() : c.outputs();
  for (const Target& target : forest.targets) {
    INCIPIT_CHECK(target.id < outputs, "target id ", target.id, " of ", outputs);
  }
  for (const auto& [store, rows] : forest.resident) {
    INCIPIT_CHECK(rows.empty() || (store < static_cast<int>(residents.size()) &&
                                   rows.end <= residents[store]->rows()),
                  "the forest refers to resident rows that are not there");
  }
  const auto last = std::max_element(forest.positions.begin(), forest.positions.end());
  if (last != forest.positions.end() && *last >= c.max_positions) {
    throw DataError("a sequence of " + std::to_string(*last + 1) +
                    " positions, but the model has " + std::to_string(c.max_positions) +
                    ": shorten the prompt or set task.max_source_tokens");
  }
}

}  // namespace

ForestPass::ForestPass(const Backbone& backbone, const Forest& forest,
                       std::span<const at::Tensor> prompts, const ForestPassOptions& options) {
  const nn::LedgerScope scope(nn::MemoryKind::kActivations);
  const Phase forward("forward");
  check_forest(forest, backbone, prompts, options);
  INCIPIT_CHECK(backbone.embedding().has_value() != options.input.defined(),
                "an input belongs to a later stage");
  INCIPIT_CHECK(!options.teacher.defined() || options.class_head == nullptr,
                "a teacher of a pass with a trained head");
  INCIPIT_CHECK(!options.hidden_only || !options.for_backward, "a gradient of hidden states");
  if (PassGraphs* const graphs = backbone.graphs()) {
    replay_ = graphs->forward(backbone, forest, prompts, options);
    if (replay_) return;
  }
  state_ = std::make_unique<PassState>(backbone, forest, prompts, options);
  state_->forward(prompts);
}

ForestPass::~ForestPass() = default;
ForestPass::ForestPass(ForestPass&&) noexcept = default;
ForestPass& ForestPass::operator=(ForestPass&&) noexcept = default;

const at::Tensor& ForestPass::log_likelihoods() const {
  return replay_ ? replay_->log_likelihoods() : state_->scores().log_likelihoods();
}

const at::Tensor& ForestPass::argmax() const {
  return replay_ ? replay_->argmax() : state_->scores().argmax();
}

const at::Tensor& ForestPass::logits() const {
  const at::Tensor& logits = replay_ ? replay_->logits() : state_->scores().logits();
  INCIPIT_CHECK(logits.defined(), "the pass kept no logits");
  return logits;
}

at::Tensor ForestPass::target_hidden() const {
  INCIPIT_CHECK(state_, "hidden states of a pass without hidden_only");
  return state_->target_hidden();
}

const at::Tensor& ForestPass::output() const {
  static const at::Tensor none;
  return replay_ ? none : state_->output();
}

nn::KeyValueStore& ForestPass::keys_values() {
  INCIPIT_CHECK(state_ && !state_->keys_values().layers.empty(),
                "the pass kept no keys and values");
  return state_->keys_values();
}

at::Tensor ForestPass::backward(const at::Tensor& grad, std::span<at::Tensor> prompt_gradients,
                                at::Tensor grad_output) {
  const nn::LedgerScope scope(nn::MemoryKind::kActivations);
  const Phase backward("backward");
  if (!replay_) return state_->backward(grad, prompt_gradients, std::move(grad_output));
  replay_->backward(grad, prompt_gradients);
  return {};
}

}  // namespace incipit::model
