#include "model/forest_pass.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <iterator>

#include "core/check.h"
#include "core/phase.h"
#include "model/pass_rows.h"
#include "nn/host_copy.h"
#include "nn/ledger.h"
#include "nn/target_scores.h"

namespace incipit::model {

namespace {

void check_forest(const Forest& forest, const Backbone& backbone,
                  std::span<const at::Tensor> prompts,
                  std::span<nn::KeyValueStore* const> residents) {
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
  for (const Target& target : forest.targets) {
    INCIPIT_CHECK(target.id < c.outputs(), "target id ", target.id, " of ", c.outputs());
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

struct ForestPass::State {
  const Backbone* backbone = nullptr;
  std::int64_t rows = 0;
  std::vector<TokenId> tokens;
  std::vector<PromptSpan> prompt_spans;
  std::int64_t target_count = 0;
  nn::TargetScores scores;

  PassRows pass_rows;
  std::vector<nn::KeyValueStore*> residents;

  nn::Keep keep = nn::Keep::kNothing;
  std::vector<nn::BlockRecord> records;
  at::Tensor last;    // [target rows, hidden], after the model's last layer
  at::Tensor output;  // [rows, hidden], after the last layer of a stage that is not the last
  nn::KeyValueStore keys_values;

  State(const Backbone& backbone, const Forest& forest, const ForestPassOptions& options);
  // Whether a layer is the model's last one, which computes only the target rows.
  [[nodiscard]] bool is_last(std::size_t layer) const {
    return backbone->head() && layer + 1 == backbone->blocks().size();
  }
  [[nodiscard]] nn::QueryRows queries(std::size_t layer) const {
    return pass_rows.queries(backbone->blocks()[layer], is_last(layer));
  }
  // Return the keys and values of a layer in every store, and their gradients.
  [[nodiscard]] std::vector<nn::KeysValues> resident_layers(std::size_t layer) const {
    std::vector<nn::KeysValues> stores;
    for (const nn::KeyValueStore* store : residents) {
      stores.push_back(store->layers.empty() ? nn::KeysValues{}
                                             : nn::KeysValues{store->layers[layer].keys,
                                                              store->layers[layer].values});
    }
    return stores;
  }
  [[nodiscard]] std::vector<nn::KeysValues> resident_gradients(std::size_t layer) const {
    std::vector<nn::KeysValues> stores;
    for (const nn::KeyValueStore* store : residents) {
      stores.push_back(store->layers.empty() ? nn::KeysValues{}
                                             : nn::KeysValues{store->layers[layer].grad_keys,
                                                              store->layers[layer].grad_values});
    }
    return stores;
  }
  [[nodiscard]] at::Tensor prompt_rows() const;
  void scatter(const at::Tensor& grad_rows, std::span<at::Tensor> prompt_gradients) const;
};

ForestPass::State::State(const Backbone& model, const Forest& forest,
                         const ForestPassOptions& options)
    : backbone(&model),
      rows(forest.row_count()),
      tokens(forest.tokens),
      prompt_spans(forest.prompt_spans),
      target_count(std::ssize(forest.targets)),
      scores(model.head() ? &*model.head() : nullptr, model.dtype(), model.device(),
             forest.targets),
      pass_rows(model, forest, scores.rows(), options.adapters),
      residents(options.residents) {
  if (options.for_backward) keep = options.recompute ? nn::Keep::kAttention : nn::Keep::kAll;
}

at::Tensor ForestPass::State::prompt_rows() const {
  std::vector<std::int64_t> index;
  for (const PromptSpan& span : prompt_spans) {
    for (int i = 0; i < span.count; ++i) index.push_back(span.row + i);
  }
  return nn::upload(index, backbone->device());
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
  const nn::LedgerScope scope(nn::MemoryKind::kActivations);
  const Phase forward("forward");
  Phase phase("embedding");
  check_forest(forest, backbone, prompts, options.residents);
  state_ = std::make_unique<State>(backbone, forest, options);
  State& state = *state_;
  INCIPIT_CHECK(backbone.embedding().has_value() != options.input.defined(),
                "an input belongs to a later stage");
  nn::WeightStore& weights = backbone.weights();
  weights.announce(backbone.forward_groups());
  const PassRows& rows = state.pass_rows;
  at::Tensor x = backbone.embedding()
                     ? backbone.embedding()->input(forest.tokens, forest.prompt_spans, prompts,
                                                   rows.positions())
                     : options.input;
  at::Tensor memory;
  phase.end();
  for (std::size_t layer = 0; layer < backbone.blocks().size(); ++layer) {
    const nn::Block& block = backbone.blocks()[layer];
    const nn::WeightStore::Use use = weights.use(block.group);
    if (block.cross && !memory.defined()) memory = rows.select_memory(x);
    nn::BlockRecord record;
    const nn::QueryRows queries = state.queries(layer);
    const std::vector<nn::KeysValues> residents = state.resident_layers(layer);
    at::Tensor out = block.forward(rows.context(block), queries, rows.select(block, x), memory,
                                   residents, state.keep, record);
    if (options.on_layer) options.on_layer({layer, block, queries, record.qkv, residents, out});
    if (options.keep_keys_values || state.keep == nn::Keep::kAll) {
      state.keys_values.layers.push_back(rows.keys_values(block, record));
    } else if (options.for_backward) {
      state.keys_values.layers.emplace_back();
    }
    if (state.keep == nn::Keep::kAttention) record.qkv.reset();
    if (options.for_backward) state.records.push_back(std::move(record));
    x = state.is_last(layer) ? std::move(out) : rows.replace(block, x, out);
  }
  if (!backbone.head()) {
    state.output = std::move(x);
    return;
  }
  state.last = std::move(x);
  const Phase scores("scores");
  state.scores.forward(state.last, options.keep_logits);
}

ForestPass::~ForestPass() = default;
ForestPass::ForestPass(ForestPass&&) noexcept = default;
ForestPass& ForestPass::operator=(ForestPass&&) noexcept = default;

const at::Tensor& ForestPass::log_likelihoods() const { return state_->scores.log_likelihoods(); }
const at::Tensor& ForestPass::argmax() const { return state_->scores.argmax(); }

const at::Tensor& ForestPass::logits() const {
  INCIPIT_CHECK(state_->scores.logits().defined(), "the pass kept no logits");
  return state_->scores.logits();
}

const at::Tensor& ForestPass::output() const { return state_->output; }

nn::KeyValueStore& ForestPass::keys_values() {
  INCIPIT_CHECK(!state_->keys_values.layers.empty(), "the pass kept no keys and values");
  return state_->keys_values;
}

at::Tensor ForestPass::backward(const at::Tensor& grad, std::span<at::Tensor> prompt_gradients,
                                at::Tensor grad_output) {
  const nn::LedgerScope scope(nn::MemoryKind::kActivations);
  const Phase backward("backward");
  Phase phase("scores");
  State& state = *state_;
  const Backbone& backbone = *state.backbone;
  const bool scores = backbone.head().has_value();
  INCIPIT_CHECK(!state.records.empty(), "backward of a pass that kept nothing for it");
  INCIPIT_CHECK(scores != grad_output.defined(), "a gradient of the output");
  INCIPIT_CHECK(!scores || grad.size(0) == state.target_count, "a gradient per target");
  nn::WeightStore& weights = backbone.weights();
  weights.announce(backbone.backward_groups());
  at::Tensor grad_x = scores ? state.scores.backward(state.last, grad) : std::move(grad_output);
  state.last.reset();
  state.output.reset();
  phase.end();
  const at::Tensor prompt_rows = state.prompt_rows();
  const bool trains = weights.trains();
  const PassRows& rows = state.pass_rows;
  const bool maps_train = trains || rows.has_additions();
  for (std::size_t layer = backbone.blocks().size(); layer-- > 0;) {
    nn::BlockRecord record = std::move(state.records[layer]);
    const nn::Block& block = backbone.blocks()[layer];
    const nn::WeightStore::Use use = weights.use(block.group, nn::WeightStore::Pass::kBackward);
    if (state.keep == nn::Keep::kAttention) {
      block.recompute(rows.context(block), state.queries(layer), state.resident_layers(layer),
                      record);
    }
    // Before the model's first layer only the prompt rows are trainable, if its maps are frozen.
    const bool is_first = backbone.embedding() && layer == 0 && !maps_train && rows.all();
    at::Tensor grad_memory;
    at::Tensor grad_rows = block.backward(
        rows.context(block), state.queries(layer), record,
        state.is_last(layer) ? std::move(grad_x) : rows.select(block, grad_x),
        rows.later_gradients(block, state.keys_values.layers[layer]), state.resident_layers(layer),
        state.resident_gradients(layer), is_first ? prompt_rows : at::Tensor(), grad_memory);
    if (state.is_last(layer) && !rows.all())
      grad_x = at::zeros({state.rows, grad_rows.size(1)}, grad_rows.options());
    grad_x = rows.replace(block, grad_x, grad_rows);
    if (grad_memory.defined()) rows.add_memory(grad_x, grad_memory);
    state.keys_values.layers[layer] = {};
  }
  state.records.clear();
  if (!backbone.embedding()) return grad_x;
  const Phase embedding("embedding");
  if (trains) backbone.embedding()->backward(state.tokens, rows.positions(), grad_x);
  if (maps_train || !rows.all()) grad_x = grad_x.index_select(0, prompt_rows);
  backbone.embedding()->complete_backward(grad_x);
  state.scatter(grad_x, prompt_gradients);
  return {};
}

}  // namespace incipit::model
