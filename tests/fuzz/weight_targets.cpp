#include <ATen/core/Tensor.h>

#include <string>

#include "methods/prompt_tuning/adapter_files.h"
#include "model/safetensors.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/targets.h"

namespace incipit::fuzz {

void read_safetensors(std::string_view bytes) {
  const model::SafetensorsFile file(input_file("model.safetensors", bytes));
  for (const std::string& name : file.names()) {
    (void)file.bytes(name);
    const at::Tensor tensor = file.tensor(name);
    if (tensor.dim() > 0) (void)file.rows(name, 0, tensor.size(0));
  }
}

void read_npy(std::string_view bytes) {
  (void)prompt_tuning::load_npy(input_file("prompt.npy", bytes));
}

void read_adapter(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');  // of the configuration, which is one line
  const std::string_view weights = end == bytes.npos ? "" : bytes.substr(end + 1);
  const auto config = input_file("adapter/adapter_config.json", bytes.substr(0, end));
  input_file("adapter/adapter_model.safetensors", weights);
  (void)prompt_tuning::load_peft_adapter(config.parent_path());
}

}  // namespace incipit::fuzz
