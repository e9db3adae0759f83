// The architecture of a transformer as data: what a family (families/) says about a model, and all
// that loading, dividing, planning and computing need to know.
//
//   x = scale * embedding(tokens) (+ positions)
//   for each layer:  x += attention(norm(x));  x += mlp(norm(x))
//   logits = softcap(head(norm(x)))
//
// Some models normalise what a layer adds to x as well. In an encoder-decoder the first layers are
// the encoder's. Each of the decoder's also attends to the encoder's output (nn/cross_attention.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nn/kinds.h"

namespace incipit::model {

// A normalisation, stored as NAME.weight (layer norm also NAME.bias).
struct NormSpec {
  std::string name;
  nn::NormKind kind = nn::NormKind::kRms;
  double eps = 1e-6;
};

// A linear map, stored as NAME.weight [out, in] and, if `bias`, NAME.bias [out].
struct LinearSpec {
  std::string name;
  bool bias = false;
  bool transposed = false;  // stored as [in, out]
  // Several maps may be stored as one: the first output of this one there, and the number of all
  // outputs; 0: this map's.
  std::int64_t first = 0;
  std::int64_t stored_outputs = 0;
};

struct AttentionSpec {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // divides heads
  std::int64_t head_dim = 0;
  LinearSpec query, key, value, output;  // query, key and value have a bias, or none of them
  // Norms of every query and key head before rotation, over head_dim.
  std::optional<NormSpec> query_norm, key_norm;
  int rotary = -1;  // index into ModelSpec::rotary; -1: no rotary embedding
  nn::AttentionRule rule{};
  [[nodiscard]] std::int64_t q_width() const { return heads * head_dim; }
  [[nodiscard]] std::int64_t kv_width() const { return kv_heads * head_dim; }
};

struct MlpSpec {
  std::int64_t width = 0;  // of the intermediate layer
  nn::Activation activation = nn::Activation::kSwiglu;
  std::optional<LinearSpec> gate;  // of gated activations
  LinearSpec up, down;
};

// Attention to the encoder's output, with as many heads as the layer's own attention.
struct CrossSpec {
  NormSpec norm;
  LinearSpec query, key, value, output;  // key and value have a bias, or none of them
  std::optional<double> scale{};         // as nn::AttentionRule::scale
};

struct LayerSpec {
  NormSpec attention_norm;
  AttentionSpec attention;
  std::optional<NormSpec> attention_post_norm;  // of the output of attention
  NormSpec mlp_norm;
  MlpSpec mlp;
  std::optional<NormSpec> mlp_post_norm;  // of the output of the MLP
  std::optional<CrossSpec> cross{};       // only in a decoder's layers, and in all of them
  std::optional<NormSpec> output_norm{};  // of the result: the norm at the end of an encoder
};

struct ModelSpec {
  std::string model_type;  // as in config.json
  std::int64_t hidden_size = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;
  std::string base_prefix;  // that names of tensors lack in a model that was saved without its head
  std::string embedding;    // tensor [vocab_size, hidden_size]
  double embedding_scale = 1;
  bool scales_prompts = false;  // the scale applies to rows of soft prompts as well
  std::string positions;        // tensor [max_positions, hidden_size] added after it; "": none
  std::vector<nn::RotarySpec> rotary;
  std::vector<LayerSpec> layers;
  NormSpec final_norm;
  std::string head;          // tensor [outputs(), hidden_size]; "": the embedding (tied)
  std::int64_t classes = 0;  // the head scores these many classes instead of tokens; 0: tokens
  // The name in transformers of a head of classes of tokens, which adapters store.
  std::string token_classifier = "score";
  std::string stored_head;  // name of that tensor in files of untied models (model/as_stored.h)
  std::optional<double> logit_softcap;  // a logit l becomes softcap * tanh(l / softcap)
  std::optional<std::int32_t> bos_token_id;
  std::vector<std::int32_t> eos_token_ids;
  std::string torch_dtype;  // as stored: float32, bfloat16, float16

  [[nodiscard]] std::int64_t layer_count() const {
    return static_cast<std::int64_t>(layers.size());
  }
  [[nodiscard]] bool tied() const { return head.empty(); }
  // Whether the model is an encoder-decoder.
  [[nodiscard]] bool has_encoder() const { return layers.back().cross.has_value(); }
  // The stack of a layer, as Forest::stack.
  [[nodiscard]] static int stack_of(const LayerSpec& layer) { return layer.cross ? 1 : 0; }
  // Whether sequences can share computed segments of a stack: rows do not depend on later rows.
  [[nodiscard]] bool is_causal(int stack) const {
    return std::none_of(layers.begin(), layers.end(), [&](const LayerSpec& layer) {
      return stack_of(layer) == stack && layer.attention.rule.full;
    });
  }
  [[nodiscard]] bool is_causal() const { return is_causal(has_encoder() ? 1 : 0); }
  // The number of logits of a row. Targets are below it.
  [[nodiscard]] std::int64_t outputs() const { return classes > 0 ? classes : vocab_size; }
  // The smallest number of query heads of a layer.
  [[nodiscard]] std::int64_t fewest_heads() const {
    return std::min_element(layers.begin(), layers.end(),
                            [](const LayerSpec& a, const LayerSpec& b) {
                              return a.attention.heads < b.attention.heads;
                            })
        ->attention.heads;
  }
};

}  // namespace incipit::model
