// LoRA: low-rank additions to linear layers of the model (Hu et al. 2021), as PEFT's LORA without
// dropout and biases.
//
// A module with weight W computes x W^T + scale (x A^T) B^T, with A [r, inputs] and B [outputs, r].
// To the rest of the engine it is a prompt without rows: the values are A and B of every module,
// one after the other in one column. A rank adds to the slices of the modules that it has
// (nn/parameter.h), and its gradients are parts of the whole ones.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "methods/lora/modules.h"
#include "methods/method.h"
#include "methods/prompt.h"
#include "nn/low_rank.h"
#include "nn/parameter.h"

namespace incipit::lora {

struct LoraShape {
  std::vector<Module> modules;       // sorted by name
  std::vector<std::string> targets;  // target_modules of an adapter
  std::int64_t r = 8;
  double alpha = 8;
  bool rslora = false;           // rank-stabilised (Kalajdzievski 2023)
  bool encoder_decoder = false;  // the model
  // alpha / r, or alpha / sqrt(r) if rank-stabilised.
  [[nodiscard]] double scale() const;
  // The number of numbers in A and B of all modules.
  [[nodiscard]] std::int64_t numbers() const;
};

class Lora final : public methods::Prompt {
 public:
  // `start` has A and B of every module, in turn, float32.
  Lora(std::string name, LoraShape shape, std::span<const at::Tensor> start);

  [[nodiscard]] const LoraShape& shape() const { return shape_; }

  [[nodiscard]] PromptRows rows(int number) const override;
  [[nodiscard]] at::Tensor values(std::span<const at::Tensor> parameters) const override;
  void backward(const at::Tensor& grad_values) override;
  void place(const at::Tensor& values, const model::Backbone& backbone, bool for_backward,
             methods::Contribution& to) const override;
  void collect(const methods::Contribution& from, const model::Backbone& backbone,
               at::Tensor grad_values) const override;
  [[nodiscard]] comm::MeshDimensions partial_over() const override {
    return comm::kBatch | comm::kPipeline | comm::kTensor;
  }
  void save_values(const std::filesystem::path& folder, const at::Tensor& values,
                   const methods::BackboneInfo& backbone) const override;
  void check(const model::ModelSpec& spec, const std::filesystem::path& path) const override;
  [[nodiscard]] methods::PromptDescription describe() const override;
  [[nodiscard]] std::map<std::string, at::Tensor> weight_changes() const override;

 private:
  // A slice of a parameter that belongs to a module.
  struct Place {
    std::size_t module = 0;
    Range outputs;  // rows of the parameter
    Range rows;     // of the module's weight
  };
  [[nodiscard]] std::vector<Place> places(const nn::Parameter& weight) const;
  // Returns the addition to a weight, in memory that is not set.
  [[nodiscard]] nn::LowRankMap make_map(const nn::Parameter& weight,
                                        const model::Backbone& backbone) const;
  void write(const at::Tensor& values, const nn::Parameter& weight,
             const nn::LowRankMap& map) const;
  // Return views of A and B of a module in `values`.
  [[nodiscard]] at::Tensor a_of(const at::Tensor& values, std::size_t module) const;
  [[nodiscard]] at::Tensor b_of(const at::Tensor& values, std::size_t module) const;

  LoraShape shape_;
  std::vector<std::int64_t> first_;            // row of the values at which a module's A begins
  std::map<std::string, std::size_t> module_;  // by the name of the weight
};

// The method, for the registry (methods/registry.cpp).
[[nodiscard]] methods::Method method();

}  // namespace incipit::lora
