#include "model/forest_pass.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/check.h"
#include "model/block.h"

namespace incipit::model {

void KeyValueStore::enable_gradients() {
  const auto cleared = [](const at::Tensor& like) {
    return at::zeros({like.size(0), like.size(1)},
                     like.options().dtype(ops::accumulate_type(like.scalar_type())));
  };
  for (Layer& layer : layers) {
    layer.grad_keys = cleared(layer.keys);
    layer.grad_values = cleared(layer.values);
  }
}

namespace {

// Logits exist for this many rows at a time.
constexpr std::int64_t kHeadRows = 256;

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
    throw DataError("a sequence of " + std::to_string(*last + 1) + " positions, but the model has " +
                    std::to_string(c.max_positions) +
                    ": shorten the prompt or set task.max_source_tokens");
  }
}

}  // namespace

struct ForestPass::State {
  const Backbone* backbone = nullptr;
  std::int64_t rows = 0;
  std::vector<PromptSpan> prompt_spans;
  std::vector<Target> targets;
  std::vector<std::int64_t> target_rows;  // distinct, ascending
  std::vector<std::int64_t> target_slot;  // by target: its row's place in target_rows
  at::Tensor target_ids;                  // [T] int64

  BlockContext context;
  AttentionPlan plan;         // queries at every row
  AttentionPlan target_plan;  // queries at target rows
  at::Tensor target_index;    // [target rows] int64
  KeyValueStore* residents = nullptr;

  std::vector<BlockRecord> records;
  at::Tensor last;  // [target rows, hidden] behind the last layer
  KeyValueStore keys_values;
  at::Tensor log_likelihoods;
  std::vector<TokenId> argmax;

  State(const Backbone& backbone, const Forest& forest, const ForestPassOptions& options);
  [[nodiscard]] at::Tensor embed(const Forest& forest, std::span<const at::Tensor> prompts) const;
  [[nodiscard]] QueryRows queries(std::int64_t layer) const {
    const bool is_last = layer + 1 == backbone->block_count();
    return is_last ? QueryRows{&target_plan, target_index} : QueryRows{&plan, {}};
  }
  [[nodiscard]] KeyValueStore::Layer* resident_layer(std::int64_t layer) const {
    return residents ? &residents->layers[layer] : nullptr;
  }
  // Target indices [first, second) whose rows lie in [slot, slot + count).
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> targets_at(std::int64_t slot,
                                                                 std::int64_t count) const;
  // Where targets [begin, end) lie in a flattened [rows, vocab], rows given by `index`.
  [[nodiscard]] at::Tensor flat_targets(const at::Tensor& index, std::int64_t begin,
                                        std::int64_t end) const {
    return index * context.config->vocab_size + target_ids.narrow(0, begin, end - begin);
  }
  void score();
  [[nodiscard]] at::Tensor score_backward(std::span<const double> grad) const;
  [[nodiscard]] at::Tensor prompt_rows() const;
  void scatter(const at::Tensor& grad_rows, std::span<at::Tensor> prompt_gradients) const;
};

namespace {

std::vector<std::int64_t> distinct_rows(const std::vector<Target>& targets) {
  std::vector<std::int64_t> rows;
  for (const Target& target : targets) {
    if (rows.empty() || rows.back() != target.row) rows.push_back(target.row);
  }
  return rows;
}

}  // namespace

ForestPass::State::State(const Backbone& model, const Forest& forest,
                         const ForestPassOptions& options)
    : backbone(&model),
      rows(forest.row_count()),
      prompt_spans(forest.prompt_spans),
      targets(forest.targets),
      target_rows(distinct_rows(forest.targets)),
      plan(forest),
      target_plan(forest, target_rows),
      residents(options.residents) {
  std::vector<std::int64_t> ids;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    const bool new_row = t == 0 || targets[t].row != targets[t - 1].row;
    target_slot.push_back(t == 0 ? 0 : target_slot.back() + (new_row ? 1 : 0));
    ids.push_back(targets[t].id);
  }
  const at::Device device = model.device();
  target_ids = at::tensor(ids, at::kLong).to(device);
  target_index = at::tensor(target_rows, at::kLong).to(device);
  context.config = &model.config();
  context.positions = at::tensor(forest.positions, at::kInt).to(device);
  const auto last_position = std::max_element(forest.positions.begin(), forest.positions.end());
  context.rotary =
      model.rotary_table(last_position == forest.positions.end() ? 0 : *last_position + 1);
}

at::Tensor ForestPass::State::embed(const Forest& forest,
                                    std::span<const at::Tensor> prompts) const {
  std::vector<std::int64_t> ids(forest.tokens.begin(), forest.tokens.end());
  for (std::int64_t& id : ids) id = std::max<std::int64_t>(id, 0);
  at::Tensor x =
      backbone->embedding().index_select(0, at::tensor(ids, at::kLong).to(backbone->device()));
  for (const PromptSpan& span : prompt_spans) {
    x.narrow(0, span.row, span.count)
        .copy_(prompts[span.prompt].narrow(0, span.prompt_row, span.count));
  }
  return x;
}

std::pair<std::int64_t, std::int64_t> ForestPass::State::targets_at(std::int64_t slot,
                                                                    std::int64_t count) const {
  const auto find = [&](std::int64_t value) {
    return std::lower_bound(target_slot.begin(), target_slot.end(), value) - target_slot.begin();
  };
  return {find(slot), find(slot + count)};
}

void ForestPass::State::score() {
  const auto type = ops::accumulate_type(backbone->dtype());
  log_likelihoods = at::empty({static_cast<std::int64_t>(targets.size())}, at::kCPU).to(type);
  const auto slots = static_cast<std::int64_t>(target_rows.size());
  for (std::int64_t slot = 0; slot < slots; slot += kHeadRows) {
    const std::int64_t count = std::min(kHeadRows, slots - slot);
    at::Tensor r;
    const at::Tensor logits =
        backbone->head()
            .forward(ops::rms_norm(last.narrow(0, slot, count), backbone->final_norm(),
                                   backbone->config().rms_norm_eps, r))
            .to(type);
    const at::Tensor normaliser = at::logsumexp(logits, -1);
    const auto [begin, end] = targets_at(slot, count);
    std::vector<std::int64_t> local(target_slot.begin() + begin, target_slot.begin() + end);
    for (std::int64_t& s : local) s -= slot;
    const at::Tensor index = at::tensor(local, at::kLong).to(backbone->device());
    log_likelihoods.narrow(0, begin, end - begin)
        .copy_(logits.view(-1).index_select(0, flat_targets(index, begin, end)) -
               normaliser.index_select(0, index));
    const at::Tensor best = logits.argmax(-1).cpu();
    for (const std::int64_t s : local) {
      argmax.push_back(static_cast<TokenId>(best.data_ptr<std::int64_t>()[s]));
    }
  }
}

// d loss / d last: the logits are computed again, so that none are kept.
at::Tensor ForestPass::State::score_backward(std::span<const double> grad) const {
  const auto type = ops::accumulate_type(backbone->dtype());
  at::Tensor grad_last = at::zeros(last.sizes(), last.options());
  const auto slots = static_cast<std::int64_t>(target_rows.size());
  for (std::int64_t slot = 0; slot < slots; slot += kHeadRows) {
    const std::int64_t count = std::min(kHeadRows, slots - slot);
    const at::Tensor x = last.narrow(0, slot, count);
    at::Tensor r;
    at::Tensor grad_logits =
        at::softmax(backbone->head()
                        .forward(ops::rms_norm(x, backbone->final_norm(),
                                               backbone->config().rms_norm_eps, r))
                        .to(type),
                    -1);
    const auto [begin, end] = targets_at(slot, count);
    std::vector<double> row_sum(count, 0.0);
    std::vector<std::int64_t> local;
    for (std::int64_t t = begin; t < end; ++t) {
      local.push_back(target_slot[t] - slot);
      row_sum[local.back()] -= grad[t];
    }
    const auto placed = [&](const auto& values, at::ScalarType dtype) {
      return at::tensor(values, at::TensorOptions(dtype)).to(backbone->device());
    };
    grad_logits.mul_(placed(row_sum, at::kDouble).to(type).unsqueeze(-1));
    const std::vector<double> own(grad.begin() + begin, grad.begin() + end);
    grad_logits.view(-1).index_add_(0, flat_targets(placed(local, at::kLong), begin, end),
                                    placed(own, at::kDouble).to(type));
    at::Tensor grad_x = grad_last.narrow(0, slot, count);
    ops::rms_norm_backward_add(backbone->head().backward(grad_logits.to(last.scalar_type())), x,
                               backbone->final_norm(), r, grad_x);
  }
  return grad_last;
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
  check_forest(forest, backbone, prompts, options.residents);
  state_ = std::make_unique<State>(backbone, forest, options);
  State& state = *state_;
  at::Tensor x = state.embed(forest, prompts);
  for (std::int64_t layer = 0; layer < backbone.block_count(); ++layer) {
    BlockRecord record;
    x = block_forward(state.context, backbone.block(layer), state.queries(layer), x,
                      state.resident_layer(layer), options.for_backward, record);
    if (options.for_backward || options.keep_keys_values) {
      const KeysValues views = keys_values_of(backbone.config(), record.qkv);
      state.keys_values.layers.push_back({views.keys, views.values, {}, {}});
    }
    if (options.for_backward) state.records.push_back(std::move(record));
  }
  state.last = std::move(x);
  state.score();
}

ForestPass::~ForestPass() = default;
ForestPass::ForestPass(ForestPass&&) noexcept = default;
ForestPass& ForestPass::operator=(ForestPass&&) noexcept = default;

const at::Tensor& ForestPass::log_likelihoods() const { return state_->log_likelihoods; }
std::vector<TokenId> ForestPass::argmax() const { return state_->argmax; }

KeyValueStore& ForestPass::keys_values() {
  INCIPIT_CHECK(!state_->keys_values.layers.empty(), "the pass kept no keys and values");
  return state_->keys_values;
}

void ForestPass::backward(std::span<const double> grad, std::span<at::Tensor> prompt_gradients) {
  State& state = *state_;
  INCIPIT_CHECK(!state.records.empty(), "backward of a pass that kept nothing for it");
  INCIPIT_CHECK(grad.size() == state.targets.size(), "a gradient per target");
  at::Tensor grad_x = state.score_backward(grad);
  state.last.reset();
  const at::Tensor prompt_rows = state.prompt_rows();
  for (std::int64_t layer = state.backbone->block_count() - 1; layer >= 0; --layer) {
    const BlockRecord record = std::move(state.records[layer]);
    // Nothing below the first layer is trainable but the prompts' rows.
    grad_x = block_backward(state.context, state.backbone->block(layer), state.queries(layer),
                            record, std::move(grad_x), state.keys_values.layers[layer],
                            state.resident_layer(layer), layer == 0 ? prompt_rows : at::Tensor());
    state.keys_values.layers[layer] = {};
  }
  state.records.clear();
  state.scatter(grad_x, prompt_gradients);
}

}  // namespace incipit::model
