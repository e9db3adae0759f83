// How LoRA starts, and what the registry knows of it.
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "core/error.h"
#include "core/scalars.h"
#include "core/text.h"
#include "methods/draws.h"
#include "methods/lora/linear_probe.h"
#include "methods/lora/lora.h"
#include "methods/lora/lora_adapter.h"

namespace incipit::lora {
namespace {

using methods::InitKind;
using methods::MethodOptions;

constexpr std::uint64_t kStream = 0x50726f05;  // random stream

LoraShape shape_of(const MethodOptions& options, const model::ModelSpec& spec) {
  LoraShape shape{.modules = {},
                  .targets = resolved_targets(options.lora.target_modules, spec),
                  .r = options.lora.r,
                  .alpha = options.lora.alpha,
                  .rslora = options.lora.rslora,
                  .encoder_decoder = spec.has_encoder()};
  shape.modules = select_modules(shape.targets, spec);
  return shape;
}

// Returns the adapter of init.path, which must have the shape that the options say.
std::vector<at::Tensor> from_file(const MethodOptions& options, const LoraShape& shape) {
  const std::string& path = options.init.path;
  LoadedLora loaded = load_lora_adapter(path);
  std::vector<at::Tensor> tensors;
  for (const Module& module : shape.modules) {
    const auto found = std::find_if(
        loaded.shape.modules.begin(), loaded.shape.modules.end(), [&](const Module& one) {
          return one.name == module.name && one.inputs == module.inputs &&
                 one.outputs == module.outputs;
        });
    if (found == loaded.shape.modules.end()) {
      throw ConfigError("method.init.path: " + path + " has no addition to " + module.name +
                        ", which method.target_modules names");
    }
    const auto i = 2 * (found - loaded.shape.modules.begin());
    tensors.push_back(loaded.tensors[i]);
    tensors.push_back(loaded.tensors[i + 1]);
  }
  const bool same = loaded.shape.modules.size() == shape.modules.size() &&
                    loaded.shape.r == shape.r && loaded.shape.scale() == shape.scale();
  if (!same) {
    throw ConfigError("method.init.path: " + path + " has r: " + std::to_string(loaded.shape.r) +
                      ", alpha: " + number_text(loaded.shape.alpha) + ", rslora: " +
                      (loaded.shape.rslora ? "true" : "false") + " and target_modules: [" +
                      join(loaded.shape.targets) + "]; set the same under method");
  }
  return tensors;
}

// A is drawn as torch draws it for PEFT's module, from another random stream. B is zero, so that
// nothing is added yet, or drawn too if init.kind is random_uniform.
std::shared_ptr<methods::Trainable> start(const MethodOptions& options,
                                          const methods::StartInputs& inputs,
                                          const std::string& name) {
  const LoraShape shape = shape_of(options, inputs.spec);
  if (options.init.kind == InitKind::kFile) {
    return std::make_shared<Lora>(name, shape, from_file(options, shape));
  }
  methods::Draws draws(inputs.seed, kStream, inputs.device);
  std::vector<at::Tensor> tensors;
  const auto bound = [](std::int64_t inputs) { return 1 / std::sqrt(static_cast<double>(inputs)); };
  for (const Module& module : shape.modules) {
    tensors.push_back(draws.uniform({shape.r, module.inputs}, bound(module.inputs)));
    tensors.push_back(options.init.kind == InitKind::kRandomUniform
                          ? draws.uniform({module.outputs, shape.r}, bound(shape.r))
                          : at::zeros({module.outputs, shape.r},
                                      at::TensorOptions(inputs.device).dtype(at::kFloat)));
  }
  return std::make_shared<Lora>(name, shape, tensors);
}

std::string title(const MethodOptions& options) {
  const std::vector<std::string>& targets = options.lora.target_modules;
  return "LoRA of rank " + std::to_string(options.lora.r) + " in " +
         (targets.empty() ? "the query and value projections" : join(targets));
}

// The default modules, and all modules with another scale.
std::vector<MethodOptions> examples() {
  std::vector both(2, methods::small_options("lora"));
  for (MethodOptions& options : both) {
    options.init.kind = InitKind::kRandomUniform;
    options.lora.r = 4;
    options.lora.alpha = 1;  // small beside random weights, as additions are beside trained ones
  }
  both[1].lora.target_modules = {kAllLinear};
  both[1].lora.rslora = true;
  return both;
}

}  // namespace

methods::Method method() {
  return {.kind = "lora",
          .peft_type = kPeftType,
          .trains_backbone = false,
          .rows = [](const MethodOptions&) { return PromptRows{.adapts = true}; },
          .title = title,
          .numbers = [](const MethodOptions& options,
                        const model::ModelSpec& spec) { return shape_of(options, spec).numbers(); },
          .make = start,
          .load = [](const std::filesystem::path& folder) -> methods::LoadedPrompt {
            if (is_linear_probe(folder)) return load_linear_probe(folder);
            const LoadedLora loaded = load_lora_adapter(folder);
            return {std::make_shared<Lora>(loaded.origin.name, loaded.shape, loaded.tensors),
                    loaded.origin.backbone};
          },
          .examples = examples};
}

}  // namespace incipit::lora
