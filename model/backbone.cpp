#include "model/backbone.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "comm/replicas.h"
#include "core/check.h"
#include "core/random.h"
#include "core/sha256.h"
#include "model/ledger.h"
#include "model/vocabulary.h"

namespace incipit::model {

// Fills a backbone from a source that returns the given rows of a tensor of a given name and shape.
class BackboneBuilder {
  static constexpr const char* kEmbedding = "model.embed_tokens.weight";
  static constexpr const char* kHead = "lm_head.weight";

 public:
  using Source =
      std::function<at::Tensor(const std::string& name, at::IntArrayRef shape, const Range& rows)>;

  BackboneBuilder(TransformerConfig config, const BackboneOptions& options,
                  const Placement& placement, Source source)
      : source_(std::move(source)) {
    backbone_.partition_ = placement.partition(config);
    backbone_.local_config_ = model::local_config(config, backbone_.partition_.share);
    backbone_.config_ = std::move(config);
    backbone_.options_ = options;
    backbone_.placement_ = placement;
  }

  [[nodiscard]] Backbone build() && {
    const LedgerScope scope(MemoryKind::kWeights);
    const TransformerConfig& c = backbone_.config_;
    const Partition& part = backbone_.partition_;
    if (part.embeds && !is_sharded()) backbone_.embedding_ = vocabulary_table(kEmbedding);
    for (std::int64_t layer = part.layers.begin; layer < part.layers.end; ++layer) {
      backbone_.blocks_.push_back(block("model.layers." + std::to_string(layer) + "."));
    }
    if (part.scores) backbone_.final_norm_ = norm("model.norm.weight", c.hidden_size);
    if (is_sharded()) {
      backbone_.fsdp_ = gather();
    } else if (part.scores) {
      backbone_.head_ = nn::make_column_parallel(head_table(), {}, ranks());
    }
    backbone_.inverse_frequencies_ = inverse_frequencies();
    return std::move(backbone_);
  }

 private:
  [[nodiscard]] comm::Communicator& ranks() const { return *backbone_.placement_.tensor; }
  [[nodiscard]] const BackboneOptions& options() const { return backbone_.options_; }
  [[nodiscard]] at::Tensor allocate(at::IntArrayRef shape) const {
    return at::empty(shape, at::TensorOptions(options().device).dtype(options().dtype));
  }

  [[nodiscard]] bool is_sharded() const { return backbone_.placement_.fsdp->size() > 1; }

  std::unique_ptr<FsdpModel> gather() {
    std::vector<std::vector<FsdpLinear*>> layers;
    for (const BlockWeights& w : backbone_.blocks_) {
      auto& matrices = layers.emplace_back();
      for (nn::Linear* linear : {w.qkv.get(), w.output.get(), w.gate_up.get(), w.down.get()}) {
        matrices.push_back(static_cast<FsdpLinear*>(linear));
      }
    }
    constexpr std::size_t kGateUp = 2;
    return std::make_unique<FsdpModel>(
        std::move(layers), kGateUp, pieces(kEmbedding),
        backbone_.config_.tied_embeddings ? FsdpModel::Pieces{} : pieces(kHead));
  }

  // Returns this rank's shards of a vocabulary table, one per chunk.
  FsdpModel::Pieces pieces(const std::string& name) {
    const TransformerConfig& c = backbone_.config_;
    comm::Communicator& group = *backbone_.placement_.fsdp;
    const std::int64_t longest = backbone_.piece(0).size();
    const Range mine = shard_rows(longest, group.size(), group.rank());
    FsdpModel::Pieces pieces;
    for (int p = 0; p < backbone_.piece_count(); ++p) {
      const Range ids = backbone_.piece(p);
      const Range held{std::min(ids.begin + mine.begin, ids.end),
                       std::min(ids.begin + mine.end, ids.end)};
      at::Tensor shard =
          allocate({shard_rows(longest, group.size(), 0).size(), c.hidden_size}).zero_();
      if (held.size() > 0) {
        shard.narrow(0, 0, held.size()).copy_(source_(name, {c.vocab_size, c.hidden_size}, held));
      }
      pieces.push_back(
          std::make_unique<FsdpLinear>(std::move(shard), ids.size(), at::Tensor(), group));
    }
    return pieces;
  }

  at::Tensor vocabulary_table(const std::string& name) {
    const TransformerConfig& c = backbone_.config_;
    const Range& rows = backbone_.partition_.share.vocabulary;
    return allocate({rows.size(), c.hidden_size})
        .copy_(source_(name, {c.vocab_size, c.hidden_size}, rows));
  }

  at::Tensor head_table() {
    if (!backbone_.config_.tied_embeddings) return vocabulary_table(kHead);
    return backbone_.embedding_.defined() ? backbone_.embedding_ : vocabulary_table(kEmbedding);
  }

  at::Tensor norm(const std::string& name, std::int64_t width) {
    return source_(name, {width}, {0, width})
        .to(options().device, nn::ops::accumulate_type(options().dtype), /*non_blocking=*/false,
            /*copy=*/true);
  }

  // Outputs `rows` of a projection with `out` outputs.
  struct Part {
    std::string name;
    std::int64_t out;
    Range rows;
  };

  // Concatenates the rows of projections of the same input, so that one matmul computes them.
  std::unique_ptr<nn::Linear> columns_split(const std::string& prefix,
                                            const std::vector<Part>& parts, std::int64_t in,
                                            bool has_bias) {
    if (is_sharded()) return sharded(prefix, parts, in, has_bias);
    std::int64_t out = 0;
    for (const Part& part : parts) out += part.rows.size();
    at::Tensor weight = allocate({out, in});
    at::Tensor bias = has_bias ? allocate({out}) : at::Tensor();
    std::int64_t row = 0;
    for (const Part& part : parts) {
      const std::int64_t rows = part.rows.size();
      weight.narrow(0, row, rows)
          .copy_(source_(prefix + part.name + ".weight", {part.out, in}, part.rows));
      if (has_bias) {
        bias.narrow(0, row, rows)
            .copy_(source_(prefix + part.name + ".bias", {part.out}, part.rows));
      }
      row += rows;
    }
    return nn::make_column_parallel(std::move(weight), std::move(bias), ranks());
  }

  // The inputs `columns` of a projection from `in` inputs to the hidden size.
  std::unique_ptr<nn::Linear> rows_split(const std::string& name, std::int64_t in,
                                         const Range& columns, bool has_bias) {
    const std::int64_t out = backbone_.config_.hidden_size;
    if (is_sharded()) return sharded("", {{name, out, {0, out}}}, in, has_bias);
    at::Tensor weight = allocate({out, columns.size()})
                            .copy_(source_(name + ".weight", {out, in}, {0, out})
                                       .narrow(1, columns.begin, columns.size()));
    at::Tensor bias =
        has_bias ? allocate({out}).copy_(source_(name + ".bias", {out}, {0, out})) : at::Tensor();
    return nn::make_row_parallel(std::move(weight), std::move(bias), ranks());
  }

  // FSDP: this rank's shard of the concatenated rows of the parts, whose `rows` are all their
  // outputs.
  std::unique_ptr<nn::Linear> sharded(const std::string& prefix, const std::vector<Part>& parts,
                                      std::int64_t in, bool has_bias) {
    comm::Communicator& group = *backbone_.placement_.fsdp;
    std::int64_t out = 0;
    for (const Part& part : parts) out += part.out;
    const Range mine = shard_rows(out, group.size(), group.rank());
    at::Tensor shard = allocate({shard_rows(out, group.size(), 0).size(), in}).zero_();
    at::Tensor bias = has_bias ? allocate({out}) : at::Tensor();
    std::int64_t first = 0;
    for (const Part& part : parts) {
      const Range held{std::max(mine.begin, first), std::min(mine.end, first + part.out)};
      if (held.begin < held.end) {
        shard.narrow(0, held.begin - mine.begin, held.size())
            .copy_(source_(prefix + part.name + ".weight", {part.out, in},
                           {held.begin - first, held.end - first}));
      }
      if (has_bias) {
        bias.narrow(0, first, part.out)
            .copy_(source_(prefix + part.name + ".bias", {part.out}, {0, part.out}));
      }
      first += part.out;
    }
    return std::make_unique<FsdpLinear>(std::move(shard), out, std::move(bias), group);
  }

  BlockWeights block(const std::string& prefix) {
    const TransformerConfig& c = backbone_.config_;
    const TensorShare& share = backbone_.partition_.share;
    const std::string attention = prefix + "self_attn.";
    const std::string mlp = prefix + "mlp.";
    const auto widths = [&](const Range& heads) {
      return Range{heads.begin * c.head_dim, heads.end * c.head_dim};
    };
    BlockWeights w;
    w.attention_norm = norm(prefix + "input_layernorm.weight", c.hidden_size);
    w.mlp_norm = norm(prefix + "post_attention_layernorm.weight", c.hidden_size);
    if (c.qk_norm) {
      w.query_norm = norm(attention + "q_norm.weight", c.head_dim);
      w.key_norm = norm(attention + "k_norm.weight", c.head_dim);
    }
    w.qkv = columns_split(attention,
                          {{"q_proj", c.q_width(), widths(share.heads)},
                           {"k_proj", c.kv_width(), widths(share.kv_heads)},
                           {"v_proj", c.kv_width(), widths(share.kv_heads)}},
                          c.hidden_size, c.qkv_bias);
    w.output = rows_split(attention + "o_proj", c.q_width(), widths(share.heads), c.output_bias);
    w.gate_up = columns_split(mlp,
                              {{"gate_proj", c.intermediate_size, share.columns},
                               {"up_proj", c.intermediate_size, share.columns}},
                              c.hidden_size, c.mlp_bias);
    w.down = rows_split(mlp + "down_proj", c.intermediate_size, share.columns, c.mlp_bias);
    return w;
  }

  // Returns 1 / theta^(2i / head_dim), with Llama 3.1's scaling of the low frequencies.
  [[nodiscard]] at::Tensor inverse_frequencies() const {
    const TransformerConfig& c = backbone_.config_;
    std::vector<double> values;
    for (std::int64_t i = 0; i < c.head_dim / 2; ++i) {
      // In float32, as the reference implementation computes it.
      const float exponent = static_cast<float>(2 * i) / static_cast<float>(c.head_dim);
      const float frequency = 1.0F / std::pow(static_cast<float>(c.rope_theta), exponent);
      values.push_back(c.rope_scaling ? stretch(frequency, *c.rope_scaling) : frequency);
    }
    return at::tensor(values, at::kDouble)
        .to(options().device, nn::ops::accumulate_type(options().dtype));
  }

  static double stretch(double frequency, const Llama3RopeScaling& scaling) {
    const double wavelength = 2 * std::numbers::pi / frequency;
    if (wavelength < scaling.original_max_positions / scaling.high_freq_factor) return frequency;
    if (wavelength > scaling.original_max_positions / scaling.low_freq_factor) {
      return frequency / scaling.factor;
    }
    const double smooth = (scaling.original_max_positions / wavelength - scaling.low_freq_factor) /
                          (scaling.high_freq_factor - scaling.low_freq_factor);
    return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
  }

  Backbone backbone_;
  Source source_;
};

Backbone Backbone::load(const std::filesystem::path& model_dir, const BackboneOptions& options,
                        const Placement& placement) {
  return load(WeightFiles(model_dir), options, placement);
}

Backbone Backbone::load(const WeightFiles& files, const BackboneOptions& options,
                        const Placement& placement) {
  const auto source = [&](const std::string& name, at::IntArrayRef shape, const Range& rows) {
    return files.get_rows(name, shape, rows.begin, rows.end);
  };
  return BackboneBuilder(read_config(files.model_dir()), options, placement, source).build();
}

Backbone Backbone::random(const TransformerConfig& config, std::uint64_t seed,
                          const BackboneOptions& options, const Placement& placement) {
  const auto source = [&](const std::string& name, at::IntArrayRef shape, const Range& rows) {
    // Each tensor has its own random stream, so that it does not depend on which others this rank
    // has.
    Random random(seed, comm::checksum(std::as_bytes(std::span(name))));
    at::Tensor made = at::empty(shape, at::kDouble);
    const bool is_norm = name.find("norm") != std::string::npos;
    const double scale = is_norm ? 0.1 : 1.0 / std::sqrt(static_cast<double>(shape.back()));
    auto* values = made.data_ptr<double>();
    for (std::int64_t i = 0; i < made.numel(); ++i) {
      values[i] = (is_norm ? 1.0 : 0.0) + scale * random.normal();
    }
    return made.narrow(0, rows.begin, rows.size());
  };
  return BackboneBuilder(config, options, placement, source).build();
}

const BlockWeights& Backbone::layer(std::int64_t layer, Sweep sweep) const {
  if (fsdp_) fsdp_->use_layer(layer, sweep);
  return blocks_[layer];
}

int Backbone::piece_count() const {
  if (placement_.fsdp->size() == 1) return 1;
  // Chunks use the buffer of the gate and up matrix, so they have no more rows than it.
  const std::int64_t most = 2 * config_.intermediate_size;
  return static_cast<int>((config_.vocab_size + most - 1) / most);
}

Range Backbone::piece(int index) const {
  if (placement_.fsdp->size() == 1) return partition_.share.vocabulary;
  const std::int64_t rows = (config_.vocab_size + piece_count() - 1) / piece_count();
  return {index * rows, std::min((index + 1) * rows, config_.vocab_size)};
}

at::Tensor Backbone::embedding(int piece) const {
  return fsdp_ ? fsdp_->use_embedding(piece).weight() : embedding_;
}

const nn::Linear& Backbone::head(int piece) const {
  if (fsdp_) return fsdp_->use_head(piece);
  return *head_;
}

void Backbone::idle(Sweep sweep) const {
  if (!fsdp_) return;
  for (int p = 0; sweep == Sweep::kForward && p < piece_count(); ++p) (void)embedding(p);
  for (int p = 0; sweep == Sweep::kBackward && p < piece_count(); ++p) (void)head(p);
  for (std::int64_t i = 0; i < block_count(); ++i) {
    (void)layer(sweep == Sweep::kForward ? i : block_count() - 1 - i, sweep);
  }
  for (int p = 0; sweep == Sweep::kForward && p < piece_count(); ++p) (void)head(p);
}

nn::ops::RotaryTable Backbone::rotary_table(std::int64_t count) const {
  const at::Tensor angles =
      at::arange(count, inverse_frequencies_.options()).unsqueeze(1) * inverse_frequencies_;
  return {angles.cos(), angles.sin()};
}

at::Tensor Backbone::embed(std::span<const TokenId> ids) const {
  for (const TokenId id : ids) {
    INCIPIT_CHECK(id >= 0 && id < config_.vocab_size, "token id ", id);
  }
  at::Tensor rows =
      partition_.embeds
          ? embed_tokens(*this, ids).to(at::kCPU, at::kFloat).contiguous()
          : at::empty({static_cast<std::int64_t>(ids.size()), config_.hidden_size}, at::kFloat);
  const std::span values(rows.mutable_data_ptr<float>(), static_cast<std::size_t>(rows.numel()));
  placement_.pipeline->broadcast(std::as_writable_bytes(values), 0, "embedding rows");
  return rows;
}

namespace {

template <typename F>
void for_each_of(const BlockWeights& w, F&& f) {
  for (const at::Tensor& norm : {w.attention_norm, w.mlp_norm, w.query_norm, w.key_norm}) {
    if (norm.defined()) f(norm);
  }
  for (const nn::Linear* linear : {w.qkv.get(), w.output.get(), w.gate_up.get(), w.down.get()}) {
    for (const at::Tensor& stored : linear->stored()) f(stored);
  }
}

}  // namespace

std::vector<at::Tensor> Backbone::stored() const {
  std::vector<at::Tensor> all;
  const auto add = [&](const at::Tensor& tensor) { all.push_back(tensor); };
  if (embedding_.defined()) add(embedding_);
  for (const BlockWeights& block : blocks_) for_each_of(block, add);
  if (final_norm_.defined()) add(final_norm_);
  const bool has_own_head = head_ && !(partition_.embeds && config_.tied_embeddings);
  if (has_own_head) {
    for (const at::Tensor& tensor : head_->stored()) add(tensor);
  }
  if (fsdp_) {
    for (const at::Tensor& tensor : fsdp_->stored_tables()) add(tensor);
  }
  return all;
}

std::int64_t Backbone::weight_bytes() const {
  std::int64_t bytes = fsdp_ ? fsdp_->buffer_bytes() : 0;
  for (const at::Tensor& w : stored()) bytes += static_cast<std::int64_t>(w.nbytes());
  return bytes;
}

std::string Backbone::weight_hash() const {
  Sha256 hash;
  for (const at::Tensor& w : stored()) {
    const at::Tensor bytes = w.cpu().contiguous();
    hash.update({static_cast<const std::byte*>(bytes.data_ptr()), bytes.nbytes()});
  }
  return hash.hex();
}

}  // namespace incipit::model
