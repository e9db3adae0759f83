#include "methods/lora/lora.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/scalars.h"
#include "core/text.h"
#include "methods/lora/lora_adapter.h"
#include "nn/ops.h"

namespace incipit::lora {

double LoraShape::scale() const {
  const auto rank = static_cast<double>(r);
  return alpha / (rslora ? std::sqrt(rank) : rank);
}

std::int64_t LoraShape::numbers() const {
  std::int64_t numbers = 0;
  for (const Module& module : modules) numbers += r * (module.inputs + module.outputs);
  return numbers;
}

Lora::Lora(std::string name, LoraShape shape, std::span<const at::Tensor> start)
    : Prompt(std::move(name)), shape_(std::move(shape)) {
  INCIPIT_CHECK(start.size() == 2 * shape_.modules.size());
  std::int64_t first = 0;
  for (std::size_t i = 0; i < shape_.modules.size(); ++i) {
    const Module& module = shape_.modules[i];
    add_parameter(module.name + ".lora_A.weight", start[2 * i]);
    add_parameter(module.name + ".lora_B.weight", start[2 * i + 1]);
    first_.push_back(first);
    first += shape_.r * (module.inputs + module.outputs);
    module_[module.name + ".weight"] = i;
  }
}

PromptRows Lora::rows(int number) const { return {.prompt = number, .adapts = true}; }

at::Tensor Lora::values(std::span<const at::Tensor> parameters) const {
  std::vector<at::Tensor> columns;
  for (const at::Tensor& parameter : parameters) columns.push_back(parameter.view({-1, 1}));
  return at::cat(columns);
}

void Lora::backward(const at::Tensor& grad_values) {
  for (std::size_t i = 0; i < shape_.modules.size(); ++i) {
    parameters()[2 * i].grad.copy_(a_of(grad_values, i));
    parameters()[2 * i + 1].grad.copy_(b_of(grad_values, i));
  }
}

at::Tensor Lora::a_of(const at::Tensor& values, std::size_t module) const {
  const std::int64_t inputs = shape_.modules[module].inputs;
  return values.narrow(0, first_[module], shape_.r * inputs).view({shape_.r, inputs});
}

at::Tensor Lora::b_of(const at::Tensor& values, std::size_t module) const {
  const auto& [name, outputs, inputs, transposed] = shape_.modules[module];
  return values.narrow(0, first_[module] + shape_.r * inputs, shape_.r * outputs)
      .view({outputs, shape_.r});
}

std::vector<Lora::Place> Lora::places(const nn::Parameter& weight) const {
  std::vector<Place> places;
  std::int64_t first = 0;  // row of the parameter
  for (const nn::Slice& slice : weight.spec().slices) {
    const Range outputs{first, first + slice.rows.size()};
    first = outputs.end;
    const auto found = module_.find(slice.tensor);
    if (found != module_.end()) places.push_back({found->second, outputs, slice.rows});
  }
  return places;
}

nn::LowRankMap Lora::make_map(const nn::Parameter& weight, const model::Backbone& backbone) const {
  const at::TensorOptions options = at::TensorOptions(backbone.device()).dtype(backbone.dtype());
  nn::LowRankMap map;
  std::map<std::size_t, Range> inner;  // by module
  for (const Place& place : places(weight)) {
    const auto begin = shape_.r * std::ssize(inner);
    const Range& own =
        inner.try_emplace(place.module, Range{begin, begin + shape_.r}).first->second;
    map.parts.push_back({.outputs = place.outputs,
                         .inner = own,
                         .up = at::empty({place.rows.size(), shape_.r}, options),
                         .grad_up = {}});
  }
  const Range& columns = weight.spec().columns;
  if (!inner.empty()) map.down = at::empty({shape_.r * std::ssize(inner), columns.size()}, options);
  return map;
}

void Lora::write(const at::Tensor& values, const nn::Parameter& weight,
                 const nn::LowRankMap& map) const {
  const Range& columns = weight.spec().columns;
  const std::vector<Place> places = this->places(weight);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& [module, outputs, rows] = places[i];
    const nn::LowRankMap::Part& part = map.parts[i];
    nn::ops::write_(part.up, b_of(values, module).narrow(0, rows.begin, rows.size()),
                    shape_.scale());
    nn::ops::write_(map.down.narrow(0, part.inner.begin, part.inner.size()),
                    a_of(values, module).narrow(1, columns.begin, columns.size()));
  }
}

void Lora::place(const at::Tensor& values, const model::Backbone& backbone, bool for_backward,
                 methods::Contribution& to) const {
  const auto clear = [](at::Tensor& gradient, const at::Tensor& like) {
    if (gradient.defined()) return nn::ops::clear_(gradient);
    gradient = nn::ops::zeros(like.sizes(),
                              like.options().dtype(nn::ops::accumulate_type(like.scalar_type())));
  };
  for (const nn::Parameter* weight : backbone.weights().parameters()) {
    auto found = to.additions.find(weight);
    if (found == to.additions.end()) {
      nn::LowRankMap made = make_map(*weight, backbone);
      if (made.parts.empty()) continue;
      found = to.additions.emplace(weight, std::move(made)).first;
    }
    nn::LowRankMap& map = found->second;
    write(values, *weight, map);
    if (!for_backward) continue;
    clear(map.grad_down, map.down);
    for (nn::LowRankMap::Part& part : map.parts) clear(part.grad_up, part.up);
  }
}

void Lora::collect(const methods::Contribution& from, const model::Backbone& /*backbone*/,
                   at::Tensor grad_values) const {
  for (const auto& [weight, map] : from.additions) {
    const Range& columns = weight->spec().columns;
    const std::vector<Place> places = this->places(*weight);
    std::map<std::size_t, Range> inner;  // by module
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto& [module, outputs, rows] = places[i];
      inner[module] = map.parts[i].inner;
      nn::ops::accumulate_(b_of(grad_values, module).narrow(0, rows.begin, rows.size()),
                           map.parts[i].grad_up, shape_.scale());
    }
    for (const auto& [module, range] : inner) {
      nn::ops::accumulate_(a_of(grad_values, module).narrow(1, columns.begin, columns.size()),
                           map.grad_down.narrow(0, range.begin, range.size()));
    }
  }
}

void Lora::save_values(const std::filesystem::path& folder, const at::Tensor& values,
                       const methods::BackboneInfo& backbone) const {
  std::vector<at::Tensor> tensors;
  for (std::size_t i = 0; i < shape_.modules.size(); ++i) {
    tensors.push_back(a_of(values, i));
    tensors.push_back(b_of(values, i));
  }
  save_lora_adapter(folder, {name(), backbone}, shape_, tensors);
}

void Lora::check(const model::ModelSpec& spec, const std::filesystem::path& path) const {
  const std::vector<Module> all = modules_of(spec);
  for (const Module& module : shape_.modules) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Module& one) { return one.name == module.name; });
    if (found == all.end()) {
      throw DataError(path.string() + ": adds to " + module.name +
                      ", which is no linear layer of the model; it belongs to another model");
    }
    if (found->outputs == module.outputs && found->inputs == module.inputs) continue;
    throw DataError(path.string() + ": adds to " + module.name + " with " +
                    std::to_string(module.inputs) + " inputs and " +
                    std::to_string(module.outputs) + " outputs, but the model's has " +
                    std::to_string(found->inputs) + " and " + std::to_string(found->outputs) +
                    "; it belongs to another model");
  }
}

methods::PromptDescription Lora::describe() const {
  return {.title = "LoRA",
          .facts = {{"rank", std::to_string(shape_.r)},
                    {"scale", number_text(shape_.scale())},
                    {"target modules", join(shape_.targets)},
                    {"linear layers", std::to_string(shape_.modules.size())}}};
}

std::map<std::string, at::Tensor> Lora::weight_changes() const {
  std::map<std::string, at::Tensor> changes;
  for (std::size_t i = 0; i < shape_.modules.size(); ++i) {
    const Module& module = shape_.modules[i];
    const at::Tensor change =
        at::mm(parameters()[2 * i + 1].value, parameters()[2 * i].value).mul_(shape_.scale());
    changes[module.name + ".weight"] = module.transposed ? change.t() : change;
  }
  return changes;
}

}  // namespace incipit::lora
