// Prompts that work in every layer, for tests.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>

#include <memory>
#include <vector>

#include "methods/lora/lora.h"
#include "methods/prefix_tuning/prefix_tuning.h"
#include "tests/support/prompts.h"

namespace incipit::testing_support {

// Returns a prefix of 4 rows, and LoRA of rank 2 in all linear layers, of small random numbers.
inline Prompts prefix_and_lora(const model::ModelSpec& spec) {
  at::manual_seed(3);
  const auto small = [](std::int64_t rows, std::int64_t columns) {
    return at::randn({rows, columns}) * 0.1;
  };
  const prefix_tuning::PrefixShape prefix = prefix_tuning::prefix_shape(spec);
  const lora::LoraShape shape{.modules = lora::modules_of(spec), .targets = {}, .r = 2};
  std::vector<at::Tensor> start;
  for (const lora::Module& module : shape.modules) {
    start.push_back(small(shape.r, module.inputs));
    start.push_back(small(module.outputs, shape.r));
  }
  return {std::make_shared<prefix_tuning::PrefixTuning>("", prefix, small(4, prefix.width())),
          std::make_shared<lora::Lora>("", shape, start)};
}

}  // namespace incipit::testing_support
