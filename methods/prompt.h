// A prompt: trainable parameters that contribute to the passes of a frozen model rows before the
// input, or additions to linear maps.
//
// Adapters store the *values* of a prompt, and passes read them: one matrix of float32. Most
// methods train the values themselves; a reparameterised method computes them from other
// parameters. The gradient of the values is summed over ranks before every rank computes the
// gradients of the parameters from it, so the gradients of an encoder never travel.
//
// Every rank has all parameters, on the device of the model, and they are the same on all ranks
// after every step.
#pragma once

#include <string>
#include <vector>

#include "methods/adapter.h"

namespace incipit::methods {

class Prompt : public Adapter {
 public:
  // Returns the values for the given values of parameters().
  [[nodiscard]] virtual at::Tensor values(std::span<const at::Tensor> parameters) const;
  // Sets the gradients of parameters() from that of the values.
  virtual void backward(const at::Tensor& grad_values);

  // Sets the contribution of `values`, with cleared gradients if `for_backward`.
  virtual void place(const at::Tensor& values, const model::Backbone& backbone, bool for_backward,
                     Contribution& to) const = 0;
  // Adds the gradients that passes left in the contribution to grad_values.
  virtual void collect(const Contribution& from, const model::Backbone& backbone,
                       at::Tensor grad_values) const = 0;
  // The mesh dimensions over which these gradients are partial and must be summed.
  [[nodiscard]] virtual comm::MeshDimensions partial_over() const = 0;

  // Writes a PEFT adapter folder of values in host memory. Equal input gives equal bytes.
  virtual void save_values(const std::filesystem::path& folder, const at::Tensor& values,
                           const BackboneInfo& backbone) const = 0;

  [[nodiscard]] std::vector<at::Tensor> stored() const override;
  [[nodiscard]] PromptDescription describe() const override;
  void contribute(const model::Backbone& backbone, bool for_backward, Contribution& to) final;
  void take_gradients(const Contribution& from, const model::Backbone& backbone) final;
  void sum_gradients(const comm::Mesh& mesh, std::vector<nn::PartialGradient>& flat) final;
  void finish_gradients(const at::Tensor& count) final;
  // Throws NumericsError, on every rank, if a value is not finite.
  void save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
            const BackboneInfo& backbone, const comm::Mesh& mesh) const override;

 protected:
  using Adapter::Adapter;
  void add_parameter(std::string name, const at::Tensor& value);

 private:
  at::Tensor grad_values_;  // undefined before a contribution with gradients
};

}  // namespace incipit::methods
