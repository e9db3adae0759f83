// Prefix tuning: learned keys and values before the input in every layer (Li and Liang 2021;
// P-tuning v2, Liu et al. 2021). With a projection, an MLP computes them from learned vectors, and
// is dropped when the adapter is saved.
//
// The values are PEFT's prompt_embeddings [P, 2 layers kv_heads head_dim], viewed as [P, 2 layers,
// kv_heads, head_dim]: index 2i is layer i's key, 2i + 1 its value. Keys enter attention as they
// are, without rotation; tokens start at position P.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "methods/method.h"
#include "methods/prompt.h"

namespace incipit::prefix_tuning {

// The widths of a prefix, as PEFT counts them.
struct PrefixShape {
  std::int64_t layers = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  [[nodiscard]] std::int64_t token_dim() const { return kv_heads * head_dim; }
  [[nodiscard]] std::int64_t width() const { return 2 * layers * token_dim(); }
  friend bool operator==(const PrefixShape&, const PrefixShape&) = default;
};

// How a prefix without a projection is trained and saved.
struct PrefixForm {
  bool cartridge = false;   // saved as PEFT's CARTRIDGE
  std::int64_t frozen = 0;  // of a cartridge: the first rows that are not trained
};

// Returns the shape for a model. Throws ConfigError if its layers have different key/value widths,
// which PEFT's layout cannot express.
[[nodiscard]] PrefixShape prefix_shape(const model::ModelSpec& spec);

// The reparameterisation: values = tanh(vectors W1^T + b1) W2^T + b2.
struct Projection {
  at::Tensor vectors;  // [P, token_dim]
  at::Tensor w1, b1;   // [encoder_hidden_size, token_dim], [encoder_hidden_size]
  at::Tensor w2, b2;   // [width, encoder_hidden_size], [width]
};

class PrefixTuning final : public methods::Prompt {
 public:
  // `values` [P, shape.width()] float32.
  PrefixTuning(std::string name, const PrefixShape& shape, const at::Tensor& values,
               const PrefixForm& form = {});
  PrefixTuning(std::string name, const PrefixShape& shape, const Projection& start);

  [[nodiscard]] const PrefixShape& shape() const { return shape_; }
  void attach(const model::Backbone& backbone) override;
  [[nodiscard]] PromptRows rows(int number) const override;
  [[nodiscard]] at::Tensor values(std::span<const at::Tensor> parameters) const override;
  void backward(const at::Tensor& grad_values) override;
  void place(const at::Tensor& values, const model::Backbone& backbone, bool for_backward,
             methods::Contribution& to) const override;
  void collect(const methods::Contribution& from, const model::Backbone& backbone,
               at::Tensor grad_values) const override;
  // Partial over everything: a rank has the gradients of its examples, layers and heads.
  [[nodiscard]] comm::MeshDimensions partial_over() const override {
    return comm::kBatch | comm::kPipeline | comm::kTensor;
  }
  void save_values(const std::filesystem::path& folder, const at::Tensor& values,
                   const methods::BackboneInfo& backbone) const override;
  void check(const model::ModelSpec& spec, const std::filesystem::path& path) const override;

 private:
  [[nodiscard]] bool is_projected() const { return parameters().size() > 1; }
  // Returns this rank's part of key (slot 0) or value (slot 1) `layer` of the stage as a view of a
  // matrix like the values: [P, heads, head_dim].
  [[nodiscard]] at::Tensor part(const at::Tensor& values, const model::Backbone& backbone,
                                std::size_t layer, int slot) const;

  PrefixShape shape_;
  PrefixForm form_;
  at::Tensor frozen_;  // [form_.frozen, width]; undefined if there are none
};

// The method, for the registry (methods/registry.cpp).
[[nodiscard]] methods::Method method();

}  // namespace incipit::prefix_tuning
