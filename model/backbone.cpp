#include "model/backbone.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <set>

#include "comm/replicas.h"
#include "core/check.h"
#include "core/random.h"
#include "core/sha256.h"
#include "model/as_stored.h"
#include "model/backbone_builder.h"
#include "nn/collectives.h"
#include "nn/ledger.h"
#include "nn/meta_device.h"

namespace incipit::model {
namespace {

// Returns the weights of norms that multiply by 1 + weight.
std::set<std::string> offset_norms(const ModelSpec& spec) {
  std::set<std::string> names;
  const auto add = [&](const NormSpec& norm) {
    if (norm.kind == nn::NormKind::kRmsOffset) names.insert(norm.name + ".weight");
  };
  add(spec.final_norm);
  for (const LayerSpec& layer : spec.layers) {
    add(layer.attention_norm);
    add(layer.mlp_norm);
    for (const auto& norm : {layer.attention.query_norm, layer.attention.key_norm,
                             layer.attention_post_norm, layer.mlp_post_norm, layer.output_norm}) {
      if (norm) add(*norm);
    }
    if (layer.cross) add(layer.cross->norm);
  }
  return names;
}

}  // namespace

Backbone::Backbone(const ModelSpec& spec, const BackboneOptions& options,
                   const Placement& placement, const nn::WeightSource& source)
    : spec_(spec), options_(options), placement_(placement), partition_(placement.partition(spec)) {
  const nn::LedgerScope scope(nn::MemoryKind::kWeights);
  weights_ = std::make_unique<nn::WeightStore>(*placement_.fsdp, options.device);
  BackboneBuilder(*this, source).build();
  for (const nn::RotarySpec& rotary : spec.rotary) {
    rotary_.emplace_back(rotary, options.device, nn::ops::accumulate_type(options.dtype));
  }
}

Backbone Backbone::load(const ModelSpec& spec, const WeightFiles& files,
                        const BackboneOptions& options, const Placement& placement) {
  const ModelSpec stored = as_stored(spec, files, /*warns=*/false);
  const auto source = [&](const std::string& name, at::IntArrayRef shape, const Range& rows) {
    return files.get_rows(stored_name(name, stored, files), shape, rows.begin, rows.end);
  };
  return {stored, options, placement, source};
}

Backbone Backbone::random(const ModelSpec& spec, std::uint64_t seed, const BackboneOptions& options,
                          const Placement& placement) {
  const std::set<std::string> offsets = offset_norms(spec);
  const auto source = [&](const std::string& name, at::IntArrayRef shape, const Range& rows) {
    // Each tensor has its own random stream, so that it does not depend on which others this rank
    // has.
    Random random(seed, comm::checksum(std::as_bytes(std::span(name))));
    at::Tensor made = at::empty(shape, at::kDouble);
    const bool is_norm = shape.size() == 1 && name.ends_with(".weight");
    const double mean = is_norm && !offsets.contains(name) ? 1 : 0;
    const double scale = is_norm ? 0.1 : 1.0 / std::sqrt(static_cast<double>(shape.back()));
    auto* values = made.data_ptr<double>();
    for (std::int64_t i = 0; i < made.numel(); ++i) {
      values[i] = mean + scale * random.normal();
    }
    return made.narrow(0, rows.begin, rows.size());
  };
  return {spec, options, placement, source};
}

Backbone Backbone::without_data(const ModelSpec& spec, at::ScalarType dtype,
                                const Placement& placement) {
  nn::prepare_meta_device();
  return {spec, {.dtype = dtype, .device = at::kMeta}, placement, {}};
}

std::vector<int> Backbone::forward_groups(bool scores_outputs) const {
  std::vector<int> groups;
  if (embedding_) groups = embedding_->groups();
  for (const nn::Block& block : blocks_) groups.push_back(block.group);
  if (head_ && scores_outputs) {
    for (const int group : head_->table.groups()) groups.push_back(group);
  }
  return groups;
}

std::vector<int> Backbone::backward_groups(bool scores_outputs) const {
  std::vector<int> groups;
  if (head_ && scores_outputs) groups = head_->table.groups();
  for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
    groups.push_back(block->group);
  }
  if (embedding_ && weights_->trains()) {
    for (const int group : embedding_->groups()) groups.push_back(group);
  }
  return groups;
}

bool Backbone::head_is_copy() const { return spec_.tied() && head_ && !embedding_; }

void Backbone::sum_gradients(const comm::Mesh& mesh) const {
  weights_->sum_gradients(mesh);
  comm::Communicator& stages = mesh.pipeline();
  const bool has_copy_elsewhere = spec_.tied() && embedding_ && !head_;
  if (!has_copy_elsewhere && !head_is_copy()) return;
  const nn::VocabularyTable& table = head_ ? head_->table : embedding_->table();
  const int peer = head_ ? 0 : stages.size() - 1;
  for (const nn::VocabularyTable::Chunk& chunk : table.chunks) {
    nn::add_from_peer(stages, chunk.rows->stored_gradient(), peer,
                      "gradients of the embedding and the head");
  }
}

std::vector<nn::ops::RotaryTable> Backbone::rotary_tables(std::int64_t count) const {
  std::vector<nn::ops::RotaryTable> tables;
  for (const nn::Rotary& rotary : rotary_) tables.push_back(rotary.table(count));
  return tables;
}

at::Tensor Backbone::embed(std::span<const TokenId> ids) const {
  for (const TokenId id : ids) {
    INCIPIT_CHECK(id >= 0 && id < spec_.vocab_size, "token id ", id);
  }
  at::Tensor rows;
  if (embedding_) {
    weights_->announce(embedding_->groups());
    rows = embedding_->rows(ids).to(at::kCPU, at::kFloat).contiguous();
  } else {
    rows = at::empty({static_cast<std::int64_t>(ids.size()), spec_.hidden_size}, at::kFloat);
  }
  const std::span values(rows.mutable_data_ptr<float>(), static_cast<std::size_t>(rows.numel()));
  placement_.pipeline->broadcast(std::as_writable_bytes(values), 0, "embedding rows");
  return rows;
}

std::string Backbone::weight_hash() const {
  Sha256 hash;
  for (const nn::Parameter* parameter : weights_->parameters()) {
    const at::Tensor bytes = parameter->stored().cpu().contiguous();
    hash.update({static_cast<const std::byte*>(bytes.data_ptr()), bytes.nbytes()});
  }
  return hash.hex();
}

}  // namespace incipit::model
