#include "model/forest_pass.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/check.h"
#include "model/block.h"
#include "model/ledger.h"
#include "model/vocabulary.h"

namespace incipit::model {

void KeyValueStore::enable_gradients() {
  const LedgerScope scope(MemoryKind::kActivations);
  const auto cleared = [](const at::Tensor& like) {
    return at::zeros({like.size(0), like.size(1)},
                     like.options().dtype(nn::ops::accumulate_type(like.scalar_type())));
  };
  for (Layer& layer : layers) {
    layer.grad_keys = cleared(layer.keys);
    layer.grad_values = cleared(layer.values);
  }
}

namespace {

void check_forest(const Forest& forest, const Backbone& backbone,
                  std::span<const at::Tensor> prompts, const KeyValueStore* residents) {
  const TransformerConfig& c = backbone.config();
  for (const PromptSpan& span : forest.prompt_spans) {
    INCIPIT_CHECK(span.prompt >= 0 && span.prompt < static_cast<int>(prompts.size()),
                  "the forest refers to prompt ", span.prompt);
    const at::Tensor& prompt = prompts[span.prompt];
    INCIPIT_CHECK(prompt.dim() == 2 && prompt.size(1) == c.hidden_size &&
                      span.prompt_row + span.count <= prompt.size(0),
                  "prompt ", span.prompt, " does not fit the forest or the model");
  }
  for (const TokenId token : forest.tokens) {
    INCIPIT_CHECK(token < c.vocab_size, "token id ", token, " of ", c.vocab_size);
  }
  for (const Target& target : forest.targets) {
    INCIPIT_CHECK(target.id < c.vocab_size, "target id ", target.id, " of ", c.vocab_size);
  }
  for (const RowRange& range : forest.resident) {
    INCIPIT_CHECK(range.empty() || (residents && range.end <= residents->rows()),
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

struct ForestPass::State {
  const Backbone* backbone = nullptr;
  std::int64_t rows = 0;
  std::vector<PromptSpan> prompt_spans;
  std::size_t target_count = 0;
  TargetScores scores;

  BlockContext context;
  nn::AttentionPlan plan;         // queries at every row
  nn::AttentionPlan target_plan;  // queries at target rows
  at::Tensor target_index;        // [target rows] int64
  KeyValueStore* residents = nullptr;

  std::vector<BlockRecord> records;
  at::Tensor last;    // [target rows, hidden], after the model's last layer
  at::Tensor output;  // [rows, hidden], after the last layer of a stage that is not the last
  KeyValueStore keys_values;

  State(const Backbone& backbone, const Forest& forest, const ForestPassOptions& options);
  [[nodiscard]] at::Tensor embed(const Forest& forest, std::span<const at::Tensor> prompts) const;
  [[nodiscard]] QueryRows queries(std::int64_t layer) const {
    const bool is_last = backbone->partition().scores && layer + 1 == backbone->block_count();
    return is_last ? QueryRows{&target_plan, target_index} : QueryRows{&plan, {}};
  }
  [[nodiscard]] KeyValueStore::Layer* resident_layer(std::int64_t layer) const {
    return residents ? &residents->layers[layer] : nullptr;
  }
  [[nodiscard]] at::Tensor prompt_rows() const;
  void scatter(const at::Tensor& grad_rows, std::span<at::Tensor> prompt_gradients) const;
};

ForestPass::State::State(const Backbone& model, const Forest& forest,
                         const ForestPassOptions& options)
    : backbone(&model),
      rows(forest.row_count()),
      prompt_spans(forest.prompt_spans),
      target_count(forest.targets.size()),
      scores(model, forest.targets),
      plan(forest),
      target_plan(forest, scores.rows()),
      residents(options.residents) {
  const at::Device device = model.device();
  target_index = at::tensor(scores.rows(), at::kLong).to(device);
  context.config = &model.local_config();
  context.positions = at::tensor(forest.positions, at::kInt).to(device);
  const auto last_position = std::max_element(forest.positions.begin(), forest.positions.end());
  context.rotary =
      model.rotary_table(last_position == forest.positions.end() ? 0 : *last_position + 1);
}

at::Tensor ForestPass::State::embed(const Forest& forest,
                                    std::span<const at::Tensor> prompts) const {
  at::Tensor x = embed_tokens(*backbone, forest.tokens);
  for (const PromptSpan& span : prompt_spans) {
    x.narrow(0, span.row, span.count)
        .copy_(prompts[span.prompt].narrow(0, span.prompt_row, span.count));
  }
  return x;
}

at::Tensor ForestPass::State::prompt_rows() const {
  std::vector<std::int64_t> index;
  for (const PromptSpan& span : prompt_spans) {
    for (int i = 0; i < span.count; ++i) index.push_back(span.row + i);
  }
  return at::tensor(index, at::kLong).to(backbone->device());
}

void ForestPass::State::scatter(const at::Tensor& grad_rows,
                                std::span<at::Tensor> prompt_gradients) const {
  std::int64_t row = 0;
  for (const PromptSpan& span : prompt_spans) {
    prompt_gradients[span.prompt]
        .narrow(0, span.prompt_row, span.count)
        .add_(grad_rows.narrow(0, row, span.count));
    row += span.count;
  }
}

ForestPass::ForestPass(const Backbone& backbone, const Forest& forest,
                       std::span<const at::Tensor> prompts, const ForestPassOptions& options) {
  const LedgerScope scope(MemoryKind::kActivations);
  check_forest(forest, backbone, prompts, options.residents);
  state_ = std::make_unique<State>(backbone, forest, options);
  State& state = *state_;
  const Partition& part = backbone.partition();
  INCIPIT_CHECK(part.embeds != options.input.defined(), "an input belongs to a later stage");
  at::Tensor x = part.embeds ? state.embed(forest, prompts) : options.input;
  for (std::int64_t layer = 0; layer < backbone.block_count(); ++layer) {
    BlockRecord record;
    x = block_forward(state.context, backbone.layer(layer, Sweep::kForward), state.queries(layer),
                      x, state.resident_layer(layer), options.for_backward, record);
    if (options.for_backward || options.keep_keys_values) {
      const nn::KeysValues views = keys_values_of(backbone.local_config(), record.qkv);
      state.keys_values.layers.push_back({views.keys, views.values, {}, {}});
    }
    if (options.for_backward) state.records.push_back(std::move(record));
  }
  if (!part.scores) {
    state.output = std::move(x);
    return;
  }
  state.last = std::move(x);
  state.scores.forward(state.last, options.keep_logits);
}

ForestPass::~ForestPass() = default;
ForestPass::ForestPass(ForestPass&&) noexcept = default;
ForestPass& ForestPass::operator=(ForestPass&&) noexcept = default;

const at::Tensor& ForestPass::log_likelihoods() const { return state_->scores.log_likelihoods(); }
std::vector<TokenId> ForestPass::argmax() const { return state_->scores.argmax(); }

const at::Tensor& ForestPass::logits() const {
  INCIPIT_CHECK(state_->scores.logits().defined(), "the pass kept no logits");
  return state_->scores.logits();
}

const at::Tensor& ForestPass::output() const { return state_->output; }

KeyValueStore& ForestPass::keys_values() {
  INCIPIT_CHECK(!state_->keys_values.layers.empty(), "the pass kept no keys and values");
  return state_->keys_values;
}

at::Tensor ForestPass::backward(std::span<const double> grad,
                                std::span<at::Tensor> prompt_gradients, at::Tensor grad_output) {
  const LedgerScope scope(MemoryKind::kActivations);
  State& state = *state_;
  const Partition& part = state.backbone->partition();
  INCIPIT_CHECK(!state.records.empty(), "backward of a pass that kept nothing for it");
  INCIPIT_CHECK(part.scores != grad_output.defined(), "a gradient of the output");
  INCIPIT_CHECK(!part.scores || grad.size() == state.target_count, "a gradient per target");
  at::Tensor grad_x =
      part.scores ? state.scores.backward(state.last, grad) : std::move(grad_output);
  state.last.reset();
  state.output.reset();
  const at::Tensor prompt_rows = state.prompt_rows();
  for (std::int64_t layer = state.backbone->block_count() - 1; layer >= 0; --layer) {
    const BlockRecord record = std::move(state.records[layer]);
    // Before the model's first layer only the prompt rows are trainable.
    grad_x = block_backward(state.context, state.backbone->layer(layer, Sweep::kBackward),
                            state.queries(layer), record, std::move(grad_x),
                            state.keys_values.layers[layer], state.resident_layer(layer),
                            part.embeds && layer == 0 ? prompt_rows : at::Tensor());
    state.keys_values.layers[layer] = {};
  }
  state.records.clear();
  if (!part.embeds) return grad_x;
  state.scatter(grad_x, prompt_gradients);
  return {};
}

}  // namespace incipit::model
