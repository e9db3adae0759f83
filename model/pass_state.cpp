#include "model/pass_state.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/check.h"
#include "core/phase.h"
#include "nn/attention_flash.h"
#include "nn/divergence_scores.h"
#include "nn/flash_plan.h"
#include "nn/host_copy.h"
#include "nn/target_scores.h"

namespace incipit::model {
namespace {

nn::Keep kept_by(const ForestPassOptions& options) {
  if (!options.for_backward || options.head_only) return nn::Keep::kNothing;
  return options.recompute ? nn::Keep::kAttention : nn::Keep::kAll;
}

std::unique_ptr<nn::Scores> make_scores(const Backbone& backbone, const Forest& forest,
                                        const ForestPassOptions& options) {
  const nn::Head* head = backbone.head() ? &*backbone.head() : nullptr;
  if (head && options.class_head) {
    return std::make_unique<nn::ClassScores>(head->norm, *options.class_head, backbone.dtype(),
                                             backbone.device(), forest.targets);
  }
  if (head && options.teacher.defined()) {
    return std::make_unique<nn::DivergenceScores>(*head, backbone.dtype(), backbone.device(),
                                                  forest.targets, options.teacher);
  }
  return std::make_unique<nn::TargetScores>(head, backbone.dtype(), backbone.device(),
                                            forest.targets);
}

at::Tensor upload_prompt_rows(const Forest& forest, at::Device device) {
  std::vector<std::int64_t> index;
  for (const PromptSpan& span : forest.prompt_spans) {
    for (int i = 0; i < span.count; ++i) index.push_back(span.row + i);
  }
  return nn::upload(index, device);
}

bool has_gradients(const std::vector<nn::KeyValueStore*>& stores) {
  return std::any_of(stores.begin(), stores.end(), [](const nn::KeyValueStore* store) {
    return !store->layers.empty() && store->layers.front().grad_keys.defined();
  });
}

std::int64_t address_of(const at::Tensor& x) {
  return x.defined() ? reinterpret_cast<std::int64_t>(x.const_data_ptr()) : 0;
}

void add_addresses(const nn::LowRankMaps& maps, std::vector<std::int64_t>& shape) {
  for (const auto& [weight, map] : maps) {
    shape.insert(shape.end(), {address_of(map.down), address_of(map.grad_down)});
    for (const auto& part : map.parts) {
      shape.insert(shape.end(), {address_of(part.up), address_of(part.grad_up)});
    }
  }
}

void add_addresses(const nn::KeyValueStore& store, std::vector<std::int64_t>& shape) {
  for (const auto& layer : store.layers) {
    shape.insert(shape.end(), {address_of(layer.keys), address_of(layer.values),
                               address_of(layer.grad_keys), address_of(layer.grad_values)});
  }
}

}  // namespace

PassState::PassState(const Backbone& backbone, const Forest& forest,
                     std::span<const at::Tensor> prompts, const ForestPassOptions& options,
                     const std::vector<nn::ops::RotaryTable>* rotary)
    : backbone_(backbone),
      options_(options),
      keep_(kept_by(options)),
      row_count_(forest.row_count()),
      tokens_(forest.tokens),
      prompt_spans_(forest.prompt_spans),
      target_count_(std::ssize(forest.targets)),
      scores_(make_scores(backbone, forest, options)),
      rows_(backbone, forest, scores_->rows(), options.adapters, rotary,
            options.for_backward && has_gradients(options.residents)) {
  if (backbone.embedding()) {
    sources_ = backbone.embedding()->sources(tokens_, prompt_spans_, prompts);
  }
  if (options.for_backward) prompt_rows_ = upload_prompt_rows(forest, backbone.device());
  if (options.stored.store != nullptr) {
    std::vector<std::int64_t> rows = options.stored.rows;
    rows.resize(static_cast<std::size_t>(row_count_), options.stored.spare);
    stored_rows_ = nn::upload(rows, backbone.device());
  }
}

bool PassState::reads_head() const {
  return options_.class_head == nullptr && !options_.hidden_only;
}

at::Tensor PassState::target_hidden() const {
  return last_.defined() ? scores_->by_target(last_) : at::Tensor();
}

bool PassState::is_last(std::size_t layer) const {
  return backbone_.head() && layer + 1 == backbone_.blocks().size();
}

nn::QueryRows PassState::queries(std::size_t layer) const {
  return rows_.queries(backbone_.blocks()[layer], is_last(layer));
}

std::vector<nn::KeysValues> PassState::resident_layers(std::size_t layer) const {
  std::vector<nn::KeysValues> stores;
  for (const nn::KeyValueStore* store : options_.residents) {
    stores.push_back(store->layers.empty()
                         ? nn::KeysValues{}
                         : nn::KeysValues{store->layers[layer].keys, store->layers[layer].values});
  }
  return stores;
}

std::vector<nn::KeysValues> PassState::resident_gradients(std::size_t layer) const {
  std::vector<nn::KeysValues> stores;
  for (const nn::KeyValueStore* store : options_.residents) {
    stores.push_back(store->layers.empty() ? nn::KeysValues{}
                                           : nn::KeysValues{store->layers[layer].grad_keys,
                                                            store->layers[layer].grad_values});
  }
  return stores;
}

void PassState::forward(std::span<const at::Tensor> prompts) {
  Phase phase("embedding");
  keys_values_ = {};
  records_.clear();
  backbone_.weights().announce(backbone_.forward_groups(reads_head()));
  at::Tensor x = backbone_.embedding()
                     ? backbone_.embedding()->input(tokens_, prompt_spans_, prompts,
                                                    rows_.positions(), sources_)
                     : std::move(options_.input);
  at::Tensor memory;
  phase.end();
  for (std::size_t layer = 0; layer < backbone_.blocks().size(); ++layer) {
    forward_layer(layer, x, memory);
  }
  if (!backbone_.head()) {
    output_ = std::move(x);
    return;
  }
  last_ = std::move(x);
  if (options_.hidden_only) return;
  const Phase scores("scores");
  scores_->forward(last_, options_.keep_logits);
}

// Replaces x, the layer's input, by its output. Sets `memory` at the first layer that reads it.
void PassState::forward_layer(std::size_t layer, at::Tensor& x, at::Tensor& memory) {
  const nn::Block& block = backbone_.blocks()[layer];
  const nn::WeightStore::Use use = backbone_.weights().use(block.group);
  if (block.cross && !memory.defined()) memory = rows_.select_memory(x);
  nn::BlockRecord record;
  const nn::QueryRows queries = this->queries(layer);
  const std::vector<nn::KeysValues> residents = resident_layers(layer);
  at::Tensor out = block.forward(rows_.context(block), queries, rows_.select(block, x), memory,
                                 residents, keep_, record);
  if (options_.on_layer) options_.on_layer({layer, block, queries, record.qkv, residents, out});
  store(block, record, layer);
  if (options_.keep_keys_values || keep_ == nn::Keep::kAll) {
    keys_values_.layers.push_back(rows_.keys_values(block, record));
  } else if (keep_ == nn::Keep::kAttention) {
    keys_values_.layers.emplace_back();
  }
  if (keep_ == nn::Keep::kAttention) record.qkv.reset();
  if (keep_ != nn::Keep::kNothing) records_.push_back(std::move(record));
  x = is_last(layer) ? std::move(out) : rows_.replace(block, x, out);
}

void PassState::store(const nn::Block& block, const nn::BlockRecord& record,
                      std::size_t layer) const {
  if (!stored_rows_.defined()) return;
  const nn::KeyValueStore::Layer own = rows_.keys_values(block, record);
  const nn::KeyValueStore::Layer& to = options_.stored.store->layers[layer];
  nn::ops::put_rows_(to.keys, stored_rows_, own.keys);
  nn::ops::put_rows_(to.values, stored_rows_, own.values);
}

at::Tensor PassState::backward(const at::Tensor& grad, std::span<at::Tensor> prompt_gradients,
                               at::Tensor grad_output) {
  Phase phase("scores");
  const bool scores = backbone_.head().has_value();
  if (options_.head_only) {
    (void)scores_->backward(last_, grad);
    return {};
  }
  INCIPIT_CHECK(!records_.empty(), "backward of a pass that kept nothing for it");
  INCIPIT_CHECK(scores != grad_output.defined(), "a gradient of the output");
  INCIPIT_CHECK(!scores || grad.size(0) == target_count_, "a gradient per target");
  nn::WeightStore& weights = backbone_.weights();
  weights.announce(backbone_.backward_groups(reads_head()));
  at::Tensor grad_x = scores ? scores_->backward(last_, grad) : std::move(grad_output);
  last_.reset();
  output_.reset();
  phase.end();
  for (std::size_t layer = backbone_.blocks().size(); layer-- > 0;) backward_layer(layer, grad_x);
  records_.clear();
  if (!backbone_.embedding()) return grad_x;
  const Phase embedding("embedding");
  const bool trains = weights.trains();
  if (trains) backbone_.embedding()->backward(tokens_, rows_.positions(), grad_x);
  if (trains || rows_.has_additions() || !rows_.all()) {
    grad_x = nn::ops::select_rows(grad_x, prompt_rows_);
  }
  scatter(grad_x, prompt_gradients);
  return {};
}

// Replaces grad_x, the gradient of the layer's output, by that of its input.
void PassState::backward_layer(std::size_t layer, at::Tensor& grad_x) {
  nn::BlockRecord record = std::move(records_[layer]);
  const nn::Block& block = backbone_.blocks()[layer];
  const nn::WeightStore::Use use =
      backbone_.weights().use(block.group, nn::WeightStore::Pass::kBackward);
  if (keep_ == nn::Keep::kAttention) {
    block.recompute(rows_.context(block), queries(layer), resident_layers(layer), record);
  }
  // Before the model's first layer only the prompt rows are trainable, if its maps are frozen.
  const bool maps_train = backbone_.weights().trains() || rows_.has_additions();
  const bool is_first = backbone_.embedding() && layer == 0 && !maps_train && rows_.all();
  at::Tensor grad_memory;
  at::Tensor grad_rows = block.backward(
      rows_.context(block), queries(layer), record,
      is_last(layer) ? std::move(grad_x) : rows_.select(block, grad_x),
      rows_.later_gradients(block, keys_values_.layers[layer]), resident_layers(layer),
      resident_gradients(layer), is_first ? prompt_rows_ : at::Tensor(), grad_memory);
  if (is_last(layer) && !rows_.all()) {
    grad_x = at::zeros({row_count_, grad_rows.size(1)}, grad_rows.options());
  }
  grad_x = rows_.replace(block, grad_x, grad_rows);
  if (grad_memory.defined()) rows_.add_memory(grad_x, grad_memory);
  keys_values_.layers[layer] = {};
}

void PassState::scatter(const at::Tensor& grad_rows, std::span<at::Tensor> prompt_gradients) const {
  std::int64_t row = 0;
  for (const PromptSpan& span : prompt_spans_) {
    nn::ops::accumulate_(prompt_gradients[span.prompt].narrow(0, span.prompt_row, span.count),
                         grad_rows.narrow(0, row, span.count),
                         backbone_.embedding()->prompt_factor());
    row += span.count;
  }
}

std::vector<std::int64_t> PassState::shape() const {
  if (!sources_.defined()) return {};
  std::vector<std::int64_t> shape{options_.for_backward, options_.recompute, options_.keep_logits,
                                  row_count_};
  for (const PromptSpan& span : prompt_spans_) {
    shape.insert(shape.end(), {span.prompt, span.prompt_row, span.count});
  }
  const std::vector<std::int64_t> scores = scores_->shape();
  shape.insert(shape.end(), scores.begin(), scores.end());
  for (std::size_t layer = 0; layer < backbone_.blocks().size(); ++layer) {
    const nn::SelfAttention& attention = backbone_.blocks()[layer].attention;
    const nn::AttentionPlan& plan = *queries(layer).plan;
    if (!has_attention_kernels(plan, attention.shape, attention.rule,
                               backbone_.embedding()->table().chunks.front().rows->stored())) {
      return {};
    }
    shape.push_back(plan.is_cut_by(attention.rule) ? 1 : 0);
    if (layer > 0 && !is_last(layer)) continue;
    const std::vector<std::int64_t> calls =
        plan.flash_plan(backbone_.device(), attention.rule.full).shape();
    shape.insert(shape.end(), calls.begin(), calls.end());
  }
  for (const nn::ops::RotaryTable& table : rows_.rotary()) shape.push_back(address_of(table.cos));
  for (const nn::KeyValueStore* store : options_.residents) add_addresses(*store, shape);
  if (stored_rows_.defined()) add_addresses(*options_.stored.store, shape);
  for (const nn::LowRankMaps* maps : options_.adapters) add_addresses(*maps, shape);
  return shape;
}

}  // namespace incipit::model
