#include "model/backbone_builder.h"

#include <algorithm>

#include "core/check.h"

namespace incipit::model {
namespace {

nn::Slice slice_of(const LinearSpec& spec, const char* what, std::int64_t out, std::int64_t in,
                   const Range& rows) {
  const std::int64_t stored = spec.stored_outputs > 0 ? spec.stored_outputs : out;
  nn::Slice slice{.tensor = spec.name + what,
                  .shape = {stored},
                  .rows = {spec.first + rows.begin, spec.first + rows.end},
                  .transposed = in > 0 && spec.transposed};
  if (in > 0) slice.shape.push_back(in);
  return slice;
}

}  // namespace

void BackboneBuilder::build() {
  Backbone& b = backbone_;
  const ModelSpec& spec = b.spec_;
  comm::Communicator& ranks = *b.placement_.tensor;
  std::optional<nn::VocabularyTable> embedding;
  if (b.partition_.embeds) {
    embedding = table(spec.embedding, spec.vocab_size, b.partition_.vocabulary);
    const nn::Parameter* positions = nullptr;
    if (!spec.positions.empty()) {
      positions = &b.weights_->add(b.weights_->add_group(),
                                   {.slices = {{.tensor = spec.positions,
                                                .shape = {spec.max_positions, spec.hidden_size},
                                                .rows = {0, spec.max_positions}}},
                                    .columns = {0, spec.hidden_size},
                                    .dtype = b.options_.dtype},
                                   source_);
    }
    b.embedding_.emplace(*embedding, nn::EmbeddingScale{spec.embedding_scale, spec.scales_prompts},
                         positions, *b.weights_, ranks);
  }
  for (std::size_t i = 0; i < b.partition_.shares.size(); ++i) {
    b.blocks_.push_back(block(spec.layers[b.partition_.layers.begin + i], b.partition_.shares[i]));
  }
  if (b.partition_.scores) {
    const bool shared = spec.tied() && embedding;
    b.head_ = nn::Head{.norm = norm(spec.final_norm, spec.hidden_size, b.weights_->add_group()),
                       .softcap = spec.logit_softcap,
                       .table = shared ? *embedding
                                       : table(spec.tied() ? spec.embedding : spec.head,
                                               spec.outputs(), b.partition_.outputs),
                       .vocabulary = split_outputs(spec.outputs(), ranks.size()),
                       .weights = b.weights_.get(),
                       .ranks = &ranks};
  }
  b.weights_->finish();
}

// Under FSDP the table is divided into chunks that have no more numbers than a layer's gate and up
// matrix, so that they fit the buffers. All tensor parallel ranks make equally many.
nn::VocabularyTable BackboneBuilder::table(const std::string& name, std::int64_t rows,
                                           const Range& ids) {
  const ModelSpec& spec = backbone_.spec_;
  const int tensor_ranks = backbone_.placement_.tensor->size();
  int chunks = 1;
  if (backbone_.placement_.fsdp->size() > 1) {
    const std::int64_t most =
        std::max<std::int64_t>(1, 2 * spec.layers.front().mlp.width / tensor_ranks);
    const std::int64_t longest = even_part(rows, tensor_ranks, 0).size();
    chunks = static_cast<int>((longest + most - 1) / most);
  }
  nn::VocabularyTable table;
  for (int i = 0; i < chunks; ++i) {
    const Range part = even_part(ids.size(), chunks, i);
    const Range own{ids.begin + part.begin, ids.begin + part.end};
    const int group = backbone_.weights_->add_group();
    const nn::Parameter& parameter = backbone_.weights_->add(
        group,
        {.slices = {{.tensor = name, .shape = {rows, spec.hidden_size}, .rows = own}},
         .columns = {0, spec.hidden_size},
         .dtype = backbone_.options_.dtype,
         .sharded = true},
        source_);
    table.chunks.push_back({own, &parameter, group});
  }
  return table;
}

const nn::Parameter& BackboneBuilder::vector(const std::string& name, std::int64_t width,
                                             bool shared, int group) {
  return backbone_.weights_->add(
      group,
      {.slices = {{.tensor = name, .shape = {width}, .rows = {0, width}, .shared = shared}},
       .dtype = nn::ops::accumulate_type(backbone_.options_.dtype)},
      source_);
}

nn::Norm BackboneBuilder::norm(const NormSpec& spec, std::int64_t width, int group, bool shared) {
  const nn::Parameter& weight = vector(spec.name + ".weight", width, shared, group);
  const nn::Parameter* bias = spec.kind == nn::NormKind::kLayer
                                  ? &vector(spec.name + ".bias", width, shared, group)
                                  : nullptr;
  return {spec.kind, weight, bias, spec.eps};
}

const nn::Parameter* BackboneBuilder::bias(const std::vector<Part>& parts, int group) {
  for (const Part& part : parts) {
    INCIPIT_CHECK(part.spec.bias == parts.front().spec.bias, part.spec.name, " and ",
                  parts.front().spec.name, " are computed together, but one has no bias");
  }
  if (!parts.front().spec.bias) return nullptr;
  nn::ParameterSpec spec{.dtype = backbone_.options_.dtype};
  for (const Part& part : parts) {
    spec.slices.push_back(slice_of(part.spec, ".bias", part.out, 0, part.rows));
    spec.slices.back().shared = part.shared;
  }
  return &backbone_.weights_->add(group, std::move(spec), source_);
}

nn::Linear BackboneBuilder::outputs_split(const std::vector<Part>& parts, std::int64_t in,
                                          int group) {
  nn::ParameterSpec spec{.columns = {0, in}, .dtype = backbone_.options_.dtype, .sharded = true};
  for (const Part& part : parts) {
    spec.slices.push_back(slice_of(part.spec, ".weight", part.out, in, part.rows));
    spec.slices.back().shared = part.shared;
  }
  const nn::Parameter& weight = backbone_.weights_->add(group, std::move(spec), source_);
  return {weight, bias(parts, group), nn::Linear::Split::kOutputs, *backbone_.placement_.tensor};
}

nn::Linear BackboneBuilder::inputs_split(const LinearSpec& linear, std::int64_t in,
                                         const Range& columns, int group) {
  const std::int64_t out = backbone_.spec_.hidden_size;
  const nn::Parameter& weight =
      backbone_.weights_->add(group,
                              {.slices = {slice_of(linear, ".weight", out, in, {0, out})},
                               .columns = columns,
                               .dtype = backbone_.options_.dtype,
                               .sharded = true},
                              source_);
  return {weight, bias({{linear, out, {0, out}}}, group), nn::Linear::Split::kInputs,
          *backbone_.placement_.tensor};
}

nn::SelfAttention BackboneBuilder::attention(const AttentionSpec& spec, const LayerShare& share,
                                             int group) {
  const auto widths = [&](const Range& heads) {
    return Range{heads.begin * spec.head_dim, heads.end * spec.head_dim};
  };
  const std::int64_t hidden = backbone_.spec_.hidden_size;
  const int ranks = backbone_.placement_.tensor->size();
  const bool shared = ranks > spec.kv_heads;  // several ranks have the same key/value head
  nn::SelfAttention made;
  made.shape = {share.heads.size(), share.kv_heads.size(), spec.head_dim};
  made.rule = spec.rule;
  made.rotary = spec.rotary;
  made.qkv = outputs_split({{spec.query, spec.q_width(), widths(share.heads)},
                            {spec.key, spec.kv_width(), widths(share.kv_heads), shared},
                            {spec.value, spec.kv_width(), widths(share.kv_heads), shared}},
                           hidden, group);
  if (spec.query_norm) made.query_norm = norm(*spec.query_norm, spec.head_dim, group, ranks > 1);
  if (spec.key_norm) made.key_norm = norm(*spec.key_norm, spec.head_dim, group, ranks > 1);
  made.output = inputs_split(spec.output, spec.q_width(), widths(share.heads), group);
  return made;
}

nn::CrossAttention BackboneBuilder::cross(const LayerSpec& layer, const LayerShare& share,
                                          int group) {
  const AttentionSpec& own = layer.attention;
  const CrossSpec& spec = *layer.cross;
  const auto widths = [&](const Range& heads) {
    return Range{heads.begin * own.head_dim, heads.end * own.head_dim};
  };
  const std::int64_t hidden = backbone_.spec_.hidden_size;
  const bool shared = backbone_.placement_.tensor->size() > own.kv_heads;
  nn::CrossAttention made;
  made.norm = norm(spec.norm, hidden, group);
  made.shape = {share.heads.size(), share.kv_heads.size(), own.head_dim};
  made.rule = {.scale = spec.scale, .full = true};
  made.query = outputs_split({{spec.query, own.q_width(), widths(share.heads)}}, hidden, group);
  made.keys_values = outputs_split({{spec.key, own.kv_width(), widths(share.kv_heads), shared},
                                    {spec.value, own.kv_width(), widths(share.kv_heads), shared}},
                                   hidden, group);
  made.output = inputs_split(spec.output, own.q_width(), widths(share.heads), group);
  return made;
}

nn::Mlp BackboneBuilder::mlp(const MlpSpec& spec, const LayerShare& share, int group) {
  std::vector<Part> inputs;
  if (spec.gate) inputs.push_back({*spec.gate, spec.width, share.columns});
  inputs.push_back({spec.up, spec.width, share.columns});
  const nn::Linear up = outputs_split(inputs, backbone_.spec_.hidden_size, group);
  return {spec.activation, up, inputs_split(spec.down, spec.width, share.columns, group)};
}

nn::Block BackboneBuilder::block(const LayerSpec& layer, const LayerShare& share) {
  const std::int64_t hidden = backbone_.spec_.hidden_size;
  nn::Block made;
  made.group = backbone_.weights_->add_group();
  made.stack = ModelSpec::stack_of(layer);
  made.attention_norm = norm(layer.attention_norm, hidden, made.group);
  made.attention = attention(layer.attention, share, made.group);
  if (layer.attention_post_norm) {
    made.attention_post_norm = norm(*layer.attention_post_norm, hidden, made.group);
  }
  made.mlp_norm = norm(layer.mlp_norm, hidden, made.group);
  made.mlp = mlp(layer.mlp, share, made.group);
  if (layer.mlp_post_norm) made.mlp_post_norm = norm(*layer.mlp_post_norm, hidden, made.group);
  if (layer.cross) made.cross = cross(layer, share, made.group);
  if (layer.output_norm) made.output_norm = norm(*layer.output_norm, hidden, made.group);
  return made;
}

}  // namespace incipit::model
