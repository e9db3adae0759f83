#include "model/backbone.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "core/check.h"
#include "core/random.h"
#include "core/sha256.h"
#include "model/weight_files.h"

namespace incipit::model {

// Fills a backbone from anything that answers "the tensor of this name and shape".
class BackboneBuilder {
 public:
  using Source = std::function<at::Tensor(const std::string& name, at::IntArrayRef shape)>;

  BackboneBuilder(TransformerConfig config, const BackboneOptions& options, Source source)
      : options_(options), source_(std::move(source)) {
    backbone_.config_ = std::move(config);
  }

  [[nodiscard]] Backbone build() && {
    const TransformerConfig& c = backbone_.config_;
    backbone_.embedding_ = stored("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
      backbone_.blocks_.push_back(block("model.layers." + std::to_string(layer) + "."));
    }
    backbone_.final_norm_ = norm("model.norm.weight", c.hidden_size);
    backbone_.head_ = make_dense_linear(
        c.tied_embeddings ? backbone_.embedding_
                          : stored("lm_head.weight", {c.vocab_size, c.hidden_size}));
    backbone_.inverse_frequencies_ = inverse_frequencies();
    return std::move(backbone_);
  }

 private:
  at::Tensor stored(const std::string& name, at::IntArrayRef shape) {
    at::Tensor kept = at::empty(shape, at::TensorOptions(options_.device).dtype(options_.dtype));
    return kept.copy_(source_(name, shape));
  }

  at::Tensor norm(const std::string& name, std::int64_t width) {
    return source_(name, {width})
        .to(options_.device, ops::accumulate_type(options_.dtype), /*non_blocking=*/false,
            /*copy=*/true);
  }

  // One product instead of several on the same input: the parts' rows below each other.
  struct Part {
    std::string name;
    std::int64_t out;
  };
  std::unique_ptr<Linear> linear(const std::string& prefix, const std::vector<Part>& parts,
                                 std::int64_t in, bool bias) {
    std::int64_t out = 0;
    for (const Part& part : parts) out += part.out;
    const auto kept = at::TensorOptions(options_.device).dtype(options_.dtype);
    at::Tensor weight = at::empty({out, in}, kept);
    at::Tensor bias_row = bias ? at::empty({out}, kept) : at::Tensor();
    std::int64_t row = 0;
    for (const Part& part : parts) {
      weight.narrow(0, row, part.out).copy_(source_(prefix + part.name + ".weight", {part.out, in}));
      if (bias) bias_row.narrow(0, row, part.out).copy_(source_(prefix + part.name + ".bias", {part.out}));
      row += part.out;
    }
    return make_dense_linear(std::move(weight), std::move(bias_row));
  }

  BlockWeights block(const std::string& prefix) {
    const TransformerConfig& c = backbone_.config_;
    const std::string attention = prefix + "self_attn.";
    const std::string mlp = prefix + "mlp.";
    BlockWeights w;
    w.attention_norm = norm(prefix + "input_layernorm.weight", c.hidden_size);
    w.mlp_norm = norm(prefix + "post_attention_layernorm.weight", c.hidden_size);
    if (c.qk_norm) {
      w.query_norm = norm(attention + "q_norm.weight", c.head_dim);
      w.key_norm = norm(attention + "k_norm.weight", c.head_dim);
    }
    w.qkv = linear(attention,
                   {{"q_proj", c.q_width()}, {"k_proj", c.kv_width()}, {"v_proj", c.kv_width()}},
                   c.hidden_size, c.qkv_bias);
    w.output = linear(attention, {{"o_proj", c.hidden_size}}, c.q_width(), c.output_bias);
    w.gate_up = linear(mlp, {{"gate_proj", c.intermediate_size}, {"up_proj", c.intermediate_size}},
                       c.hidden_size, c.mlp_bias);
    w.down = linear(mlp, {{"down_proj", c.hidden_size}}, c.intermediate_size, c.mlp_bias);
    return w;
  }

  // 1 / theta^(2i / head_dim), with Llama 3.1's stretching of the low frequencies.
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
        .to(options_.device, ops::accumulate_type(options_.dtype));
  }

  static double stretch(double frequency, const Llama3RopeScaling& scaling) {
    const double wavelength = 2 * std::numbers::pi / frequency;
    if (wavelength < scaling.original_max_positions / scaling.high_freq_factor) return frequency;
    if (wavelength > scaling.original_max_positions / scaling.low_freq_factor) {
      return frequency / scaling.factor;
    }
    const double smooth =
        (scaling.original_max_positions / wavelength - scaling.low_freq_factor) /
        (scaling.high_freq_factor - scaling.low_freq_factor);
    return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
  }

  Backbone backbone_;
  BackboneOptions options_;
  Source source_;
};

Backbone Backbone::load(const std::filesystem::path& model_dir, const BackboneOptions& options) {
  const std::filesystem::path dir = resolve_model_dir(model_dir);
  const WeightFiles files(dir);
  TransformerConfig config = read_config(dir);
  return BackboneBuilder(std::move(config), options,
                         [&files](const std::string& name, at::IntArrayRef shape) {
                           return files.get(name, shape);
                         })
      .build();
}

Backbone Backbone::random(const TransformerConfig& config, std::uint64_t seed,
                          const BackboneOptions& options) {
  std::uint64_t stream = 0;
  const auto source = [&](const std::string& name, at::IntArrayRef shape) {
    Random random(seed, stream++);
    at::Tensor made = at::empty(shape, at::kDouble);
    const bool is_norm = name.find("norm") != std::string::npos;
    const double scale = is_norm ? 0.1 : 1.0 / std::sqrt(static_cast<double>(shape.back()));
    auto* values = made.data_ptr<double>();
    for (std::int64_t i = 0; i < made.numel(); ++i) {
      values[i] = (is_norm ? 1.0 : 0.0) + scale * random.normal();
    }
    return made;
  };
  return BackboneBuilder(config, options, source).build();
}

ops::RotaryTable Backbone::rotary_table(std::int64_t count) const {
  const at::Tensor angles =
      at::arange(count, inverse_frequencies_.options()).unsqueeze(1) * inverse_frequencies_;
  return {angles.cos(), angles.sin()};
}

at::Tensor Backbone::embed(std::span<const TokenId> ids) const {
  std::vector<std::int64_t> rows(ids.begin(), ids.end());
  for (const std::int64_t row : rows) {
    INCIPIT_CHECK(row >= 0 && row < config_.vocab_size, "token id ", row);
  }
  return embedding_.index_select(0, at::tensor(rows, at::kLong).to(device()))
      .to(at::kCPU, at::kFloat);
}

namespace {

template <typename F>
void for_each_weight(const Backbone& backbone, F&& f) {
  f(backbone.embedding());
  const auto each_of = [&](const Linear& linear) {
    for (const at::Tensor& stored : linear.stored()) f(stored);
  };
  for (std::int64_t layer = 0; layer < backbone.block_count(); ++layer) {
    const BlockWeights& w = backbone.block(layer);
    for (const at::Tensor& norm : {w.attention_norm, w.mlp_norm, w.query_norm, w.key_norm}) {
      if (norm.defined()) f(norm);
    }
    for (const Linear* linear : {w.qkv.get(), w.output.get(), w.gate_up.get(), w.down.get()}) {
      each_of(*linear);
    }
  }
  f(backbone.final_norm());
  if (!backbone.config().tied_embeddings) each_of(backbone.head());
}

}  // namespace

std::int64_t Backbone::weight_bytes() const {
  std::int64_t bytes = 0;
  for_each_weight(*this, [&](const at::Tensor& w) { bytes += static_cast<std::int64_t>(w.nbytes()); });
  return bytes;
}

std::string Backbone::weight_hash() const {
  Sha256 hash;
  for_each_weight(*this, [&](const at::Tensor& w) {
    const at::Tensor bytes = w.cpu().contiguous();
    hash.update({static_cast<const std::byte*>(bytes.data_ptr()), bytes.nbytes()});
  });
  return hash.hex();
}

}  // namespace incipit::model
