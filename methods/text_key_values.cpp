#include "methods/text_key_values.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <cstddef>
#include <cstdint>

#include "methods/prompted_model.h"

namespace incipit::methods {
namespace {

std::span<float> numbers_of(const at::Tensor& tensor) {
  return {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

}  // namespace

at::Tensor text_key_values(const model::Backbone& backbone, std::span<const TokenId> ids) {
  Sequence text;
  text.append_tokens(ids);
  const PromptedModel model(backbone);
  model::ForestPass pass = model.forward(pack({&text, 1}).forest, {.keep_keys_values = true});
  const model::AttentionSpec& heads = backbone.spec().layers.front().attention;
  const std::int64_t parts = 2 * backbone.spec().layer_count();
  const auto rows = static_cast<std::int64_t>(ids.size());
  const at::Tensor all = at::zeros({rows, parts, heads.kv_heads, heads.head_dim}, at::kFloat);
  const at::Tensor owners = at::zeros({1, parts, heads.kv_heads, 1}, at::kFloat);
  const model::Partition& own = backbone.partition();
  for (std::size_t layer = 0; layer < own.shares.size(); ++layer) {
    const Range& mine = own.shares[layer].kv_heads;
    const nn::KeyValueStore::Layer& computed = pass.keys_values().layers[layer];
    for (const std::int64_t slot : {0, 1}) {
      const std::int64_t part = 2 * (own.layers.begin + static_cast<std::int64_t>(layer)) + slot;
      const at::Tensor& from = slot == 0 ? computed.keys : computed.values;
      all.select(1, part)
          .narrow(1, mine.begin, mine.size())
          .copy_(from.to(at::kCPU, at::kFloat).reshape({rows, mine.size(), heads.head_dim}));
      owners.select(1, part).narrow(1, mine.begin, mine.size()).fill_(1);
    }
  }
  for (const auto& ranks : {backbone.placement().tensor, backbone.placement().pipeline}) {
    ranks->all_reduce_sum(numbers_of(all), "keys and values of a text");
    ranks->all_reduce_sum(numbers_of(owners), "keys and values of a text");
  }
  // Several tensor parallel ranks may have the same key/value head.
  return (all / owners).view({rows, -1});
}

}  // namespace incipit::methods
