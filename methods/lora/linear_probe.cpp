#include "methods/lora/linear_probe.h"

#include <ATen/ops/zeros.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "methods/lora/lora_adapter.h"
#include "methods/peft_folder.h"

namespace incipit::lora {
namespace {

constexpr const char* kNoModules = "dummy-target-modules";  // of PEFT

}  // namespace

LinearProbe::LinearProbe(std::string name)
    : Prompt(std::move(name)), none_(at::zeros({0, 1}, at::kFloat)) {}

void LinearProbe::attach(const model::Backbone& backbone) { none_ = none_.to(backbone.device()); }

at::Tensor LinearProbe::values(std::span<const at::Tensor> /*parameters*/) const { return none_; }

void LinearProbe::backward(const at::Tensor& /*grad_values*/) {}

void LinearProbe::place(const at::Tensor& /*values*/, const model::Backbone& /*backbone*/,
                        bool /*for_backward*/, methods::Contribution& /*to*/) const {}

void LinearProbe::collect(const methods::Contribution& /*from*/,
                          const model::Backbone& /*backbone*/, at::Tensor /*grad_values*/) const {}

void LinearProbe::save_values(const std::filesystem::path& folder, const at::Tensor& /*values*/,
                              const methods::BackboneInfo& backbone) const {
  methods::save_peft_files(folder, {name(), backbone}, {},
                           {
                               {"bias", "none"},
                               {"fan_in_fan_out", false},
                               {"init_lora_weights", true},
                               {"lora_alpha", 8},
                               {"lora_dropout", 0.0},
                               {"peft_type", kPeftType},
                               {"r", 8},
                               {"target_modules", kNoModules},
                           });
}

void LinearProbe::check(const model::ModelSpec& /*spec*/,
                        const std::filesystem::path& /*path*/) const {}

methods::PromptDescription LinearProbe::describe() const {
  return {.title = "linear probe", .facts = {}};
}

bool is_linear_probe(const std::filesystem::path& folder) {
  const model::JsonObject config = methods::read_peft_config(folder);
  return config.has("target_modules") && config.value()["target_modules"] == kNoModules;
}

methods::LoadedPrompt load_linear_probe(const std::filesystem::path& folder) {
  methods::PeftOrigin origin = methods::read_peft_origin(folder, methods::read_peft_config(folder),
                                                         methods::open_peft_tensors(folder));
  return {std::make_shared<LinearProbe>(std::move(origin.name)), std::move(origin.backbone)};
}

methods::Method linear_probe() {
  return {.kind = methods::kLinearProbe,
          .peft_type = kPeftType,
          .trains_backbone = false,
          .rows = [](const methods::MethodOptions&) { return PromptRows{}; },
          .title = [](const methods::MethodOptions&) { return std::string("linear probe"); },
          .numbers = [](const methods::MethodOptions&,
                        const model::ModelSpec&) { return std::int64_t{0}; },
          .make = [](const methods::MethodOptions&, const methods::StartInputs&,
                     const std::string& name) { return std::make_shared<LinearProbe>(name); },
          .load = nullptr,
          .examples = [] { return std::vector<methods::MethodOptions>{}; }};
}

}  // namespace incipit::lora
