// A soft prompt: learned vectors used in place of token embeddings.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace incipit::prompt_tuning {

struct SoftPrompt {
  std::string name;   // of the task, for logs and files
  at::Tensor values;  // [P, d] float32, contiguous, d = the backbone's hidden size

  [[nodiscard]] std::int64_t rows() const { return values.size(0); }
  [[nodiscard]] std::int64_t width() const { return values.size(1); }
};

}  // namespace incipit::prompt_tuning
