#include "methods/prefix_tuning/prefix_tuning.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/tanh.h>

#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "methods/prefix_tuning/prefix_adapter.h"
#include "methods/prefix_tuning/prefix_start.h"
#include "nn/meta_device.h"
#include "nn/ops.h"

namespace incipit::prefix_tuning {
namespace {

// Indices into parameters() with a projection.
enum { kVectors, kW1, kB1, kW2, kB2 };

std::string text(const PrefixShape& shape) {
  return std::to_string(shape.layers) + " layers of " + std::to_string(shape.kv_heads) +
         " key/value heads of " + std::to_string(shape.head_dim);
}

}  // namespace

PrefixShape prefix_shape(const model::ModelSpec& spec) {
  const model::AttentionSpec& first = spec.layers.front().attention;
  for (const model::LayerSpec& layer : spec.layers) {
    if (layer.attention.kv_heads == first.kv_heads && layer.attention.head_dim == first.head_dim) {
      continue;
    }
    throw ConfigError(
        "method.kind: prefix_tuning needs layers with equally many key/value heads of the same "
        "size, which this model does not have");
  }
  return {spec.layer_count(), first.kv_heads, first.head_dim};
}

PrefixTuning::PrefixTuning(std::string name, const PrefixShape& shape, const at::Tensor& values,
                           const PrefixForm& form)
    : Prompt(std::move(name)), shape_(shape), form_(form) {
  INCIPIT_CHECK(values.dim() == 2 && values.size(1) == shape.width());
  add_parameter("values", values.narrow(0, form.frozen, values.size(0) - form.frozen));
  if (form.frozen > 0) frozen_ = values.narrow(0, 0, form.frozen).clone();
}

PrefixTuning::PrefixTuning(std::string name, const PrefixShape& shape, const Projection& start)
    : Prompt(std::move(name)), shape_(shape) {
  add_parameter("vectors", start.vectors);
  add_parameter("projection.0.weight", start.w1);
  add_parameter("projection.0.bias", start.b1);
  add_parameter("projection.2.weight", start.w2);
  add_parameter("projection.2.bias", start.b2);
}

void PrefixTuning::attach(const model::Backbone& backbone) {
  Prompt::attach(backbone);
  if (frozen_.defined()) frozen_ = frozen_.to(backbone.device());
}

PromptRows PrefixTuning::rows(int number) const {
  const std::int64_t rows = form_.frozen + parameters()[0].value.size(0);
  return {.prompt = number, .rows = static_cast<int>(rows), .resident = true};
}

at::Tensor PrefixTuning::values(std::span<const at::Tensor> p) const {
  if (!is_projected()) return frozen_.defined() ? at::cat({frozen_, p[0]}) : p[0];
  const at::Tensor hidden = at::tanh(at::addmm(p[kB1], p[kVectors], p[kW1].t()));
  return at::addmm(p[kB2], hidden, p[kW2].t());
}

void PrefixTuning::backward(const at::Tensor& grad_values) {
  if (!is_projected()) {
    return Prompt::backward(
        grad_values.narrow(0, form_.frozen, grad_values.size(0) - form_.frozen));
  }
  const std::vector<methods::Parameter>& p = parameters();
  const at::Tensor hidden = at::tanh(at::addmm(p[kB1].value, p[kVectors].value, p[kW1].value.t()));
  p[kB2].grad.copy_(grad_values.sum(0));
  p[kW2].grad.copy_(at::mm(grad_values.t(), hidden));
  const at::Tensor grad_hidden = at::mm(grad_values, p[kW2].value) * (1 - hidden * hidden);
  p[kB1].grad.copy_(grad_hidden.sum(0));
  p[kW1].grad.copy_(at::mm(grad_hidden.t(), p[kVectors].value));
  p[kVectors].grad.copy_(at::mm(grad_hidden, p[kW1].value));
}

at::Tensor PrefixTuning::part(const at::Tensor& values, const model::Backbone& backbone,
                              std::size_t layer, int slot) const {
  const model::Partition& partition = backbone.partition();
  const Range& heads = partition.shares[layer].kv_heads;
  const std::int64_t index = 2 * (partition.layers.begin + static_cast<std::int64_t>(layer)) + slot;
  return values.view({values.size(0), 2 * shape_.layers, shape_.kv_heads, shape_.head_dim})
      .select(1, index)
      .narrow(1, heads.begin, heads.size());
}

void PrefixTuning::place(const at::Tensor& values, const model::Backbone& backbone,
                         bool for_backward, methods::Contribution& to) const {
  // On the CPU attention reads float32 (float64) without conversion.
  const at::ScalarType type = nn::has_cpu_kernels(backbone.device())
                                  ? nn::ops::accumulate_type(backbone.dtype())
                                  : backbone.dtype();
  std::vector<nn::KeyValueStore::Layer>& layers = to.residents.layers;
  const bool is_first = layers.empty();
  for (std::size_t layer = 0; layer < backbone.blocks().size(); ++layer) {
    const at::Tensor keys = part(values, backbone, layer, 0).flatten(1);
    const at::Tensor of_values = part(values, backbone, layer, 1).flatten(1);
    if (is_first) {
      const auto make = [&] { return at::empty(keys.sizes(), keys.options().dtype(type)); };
      layers.push_back({make(), make(), {}, {}});
    }
    nn::ops::write_(layers[layer].keys, keys);
    nn::ops::write_(layers[layer].values, of_values);
  }
  to.residents.stays = true;
  if (for_backward) to.residents.enable_gradients();
}

void PrefixTuning::collect(const methods::Contribution& from, const model::Backbone& backbone,
                           at::Tensor grad_values) const {
  for (std::size_t layer = 0; layer < backbone.blocks().size(); ++layer) {
    const nn::KeyValueStore::Layer& own = from.residents.layers[layer];
    const auto add = [&](int slot, const at::Tensor& grad) {
      nn::ops::accumulate_(part(grad_values, backbone, layer, slot).flatten(1), grad);
    };
    add(0, own.grad_keys);
    add(1, own.grad_values);
  }
}

void PrefixTuning::save_values(const std::filesystem::path& folder, const at::Tensor& values,
                               const methods::BackboneInfo& backbone) const {
  save_prefix_adapter(folder, {name(), values, backbone}, shape_, form_);
}

void PrefixTuning::check(const model::ModelSpec& spec, const std::filesystem::path& path) const {
  const PrefixShape wanted = prefix_shape(spec);
  if (wanted == shape_) return;
  throw DataError(path.string() + ": a prefix for " + text(shape_) + ", but the model has " +
                  text(wanted) + "; it belongs to another model");
}

methods::Method method() {
  return {.kind = "prefix_tuning",
          .peft_type = kPeftType,
          .trains_backbone = false,
          .rows =
              [](const methods::MethodOptions& options) {
                return PromptRows{.rows = static_cast<int>(options.num_virtual_tokens),
                                  .resident = true};
              },
          .title =
              [](const methods::MethodOptions& options) {
                return methods::title_with_tokens("prefix", options) + " in every layer";
              },
          .numbers =
              [](const methods::MethodOptions& options, const model::ModelSpec& spec) {
                return options.num_virtual_tokens * prefix_shape(spec).width();
              },
          .check_text = check_text,
          .make = start_prefix,
          .load = [](const std::filesystem::path& folder) -> methods::LoadedPrompt {
            const LoadedPrefix loaded = load_prefix_adapter(folder);
            return {std::make_shared<PrefixTuning>(loaded.adapter.name, loaded.shape,
                                                   loaded.adapter.values, loaded.form),
                    loaded.adapter.backbone};
          },
          .examples =
              [] {
                std::vector both(2, methods::small_options("prefix_tuning"));
                both[1].prefix_projection = true;
                return both;
              }};
}

}  // namespace incipit::prefix_tuning
