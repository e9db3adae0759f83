#include "methods/trainable.h"

#include <ATen/ops/zeros_like.h>

#include <cstddef>
#include <utility>

#include "core/check.h"
#include "nn/collectives.h"
#include "nn/ledger.h"
#include "nn/ops.h"
#include "nn/updates.h"

namespace incipit::methods {

Parameter::Parameter(std::string name_, at::Tensor value_)
    : name(std::move(name_)), value(std::move(value_)), grad(at::zeros_like(value)) {}

Parameter::Parameter(std::string name_, at::Tensor value_, at::Tensor grad_)
    : name(std::move(name_)), value(std::move(value_)), grad(std::move(grad_)) {}

void Trainable::attach(const model::Backbone& backbone) {
  const nn::LedgerScope scope(nn::MemoryKind::kOptimizer);
  for (Parameter& parameter : parameters_) {
    parameter.value = parameter.value.to(backbone.device());
    parameter.grad = parameter.grad.to(backbone.device());
  }
}

comm::MeshDimensions Trainable::replicated_over() const {
  return comm::kBatch | comm::kPipeline | comm::kTensor;
}

at::Tensor Trainable::squared_gradient_norm(const comm::Mesh& /*mesh*/) const {
  INCIPIT_CHECK(!parameters_.empty());
  const at::Tensor squares =
      nn::ops::zeros({}, at::TensorOptions(parameters_.front().grad.device()).dtype(at::kDouble));
  for (const Parameter& parameter : parameters_) {
    if (nn::add_squares(parameter.grad, squares)) continue;
    squares.add_(parameter.grad.to(at::kDouble).square().sum());
  }
  return squares;
}

namespace {

// Returns the name of a parameter among those of its trainable: "" if it is the only one.
std::string name_among(const std::vector<Parameter>& parameters, std::size_t index) {
  return parameters.size() == 1 ? "" : parameters[index].name;
}

}  // namespace

std::map<std::string, at::Tensor> Trainable::whole(const comm::Mesh& mesh,
                                                   std::span<const at::Tensor> parts) const {
  std::map<std::string, at::Tensor> all;
  if (mesh.world().rank() != 0) return all;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].defined()) {
      all[name_among(parameters_, i)] =
          parts[i].to(at::kCPU, parts[i].scalar_type(), /*non_blocking=*/false, /*copy=*/true);
    }
  }
  return all;
}

void Trainable::scatter(const comm::Mesh& mesh, const WholeTensors& whole,
                        std::span<const at::Tensor> parts) const {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const at::Tensor& part = parts[i];
    if (!part.defined()) continue;
    if (mesh.world().rank() == 0) {
      part.copy_(whole(name_among(parameters_, i), part.sizes()));
    }
    nn::broadcast_from(mesh.world(), part, 0, "resume");
  }
}

std::vector<at::Tensor> current_parameters(const Trainable& trainable) {
  std::vector<at::Tensor> values;
  for (const Parameter& parameter : trainable.parameters()) values.push_back(parameter.value);
  return values;
}

}  // namespace incipit::methods
