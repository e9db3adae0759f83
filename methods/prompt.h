// A prompt: trainable parameters, and what they contribute to the passes of a model.
//
// Adapters store the *values* of a prompt, and passes read them: one matrix of float32. Most
// methods train the values themselves; a reparameterised method computes them from other
// parameters. The gradient of the values is summed over ranks before every rank computes the
// gradients of the parameters from it, so the gradients of an encoder never travel.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "comm/mesh.h"
#include "core/forest.h"
#include "methods/backbone_info.h"
#include "model/backbone.h"
#include "nn/key_values.h"

namespace incipit::methods {

// A trainable tensor and its gradient: float32 (float64 in tests), contiguous, in host memory.
// Copies share both. Every rank has the value, and it is the same on all ranks after every step.
struct Parameter {
  Parameter(std::string name_, at::Tensor value_);
  std::string name;
  at::Tensor value;
  at::Tensor grad;
};

// What a pass reads of a prompt, on the backbone's device, and the gradients that passes add. A
// method sets what it uses.
struct Contribution {
  at::Tensor input_rows;      // [rows, hidden], float32 (float64 in a float64 backbone)
  at::Tensor input_gradient;  // the same shape; undefined without gradients
  nn::KeyValueStore residents;
};

class Prompt {
 public:
  virtual ~Prompt() = default;

  [[nodiscard]] const std::string& name() const { return name_; }  // of the task, for files
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }

  // The rows that precede a sequence if this is prompt `number` of a batch.
  [[nodiscard]] virtual PromptRows rows(int number) const = 0;

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

  // Writes a PEFT adapter folder. Equal input gives equal bytes.
  virtual void save(const std::filesystem::path& folder, const at::Tensor& values,
                    const BackboneInfo& backbone) const = 0;
  // Throws DataError if the prompt cannot belong to the backbone; `path` is used in the message.
  virtual void check(const model::ModelSpec& spec, const std::filesystem::path& path) const = 0;

 protected:
  explicit Prompt(std::string name) : name_(std::move(name)) {}
  void add_parameter(std::string name, at::Tensor value);

 private:
  std::string name_;
  std::vector<Parameter> parameters_;
};

}  // namespace incipit::methods
