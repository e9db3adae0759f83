// The `model:` block of a run's YAML.
#pragma once

#include <string>

namespace incipit {
class Schema;
}

namespace incipit::model {

// kAuto: the fastest on the machine (launcher/model_choice.h).
enum class Dtype { kAuto, kFloat32, kBFloat16, kFloat16 };

[[nodiscard]] const char* dtype_name(Dtype dtype);  // e.g. "bfloat16"
// Returns the bytes per number. For kAuto: those of bfloat16, which kAuto selects on a GPU.
[[nodiscard]] int number_bytes(Dtype dtype);

enum class Device { kAuto, kCpu, kCuda };

// What ranks compare of the weights before work starts.
enum class CheckWeights {
  kSample,  // up to 32 KiB of every tensor
  kWhole,   // every byte
};

// Whether passes run as CUDA graphs (model/pass_graphs.h).
enum class CudaGraphs {
  kAuto,  // small batches, where graphs can compute them
  kOn,    // batches of any size
  kOff,
};

struct ModelOptions {
  std::string path;  // a model folder in Hugging Face layout
  Dtype dtype = Dtype::kAuto;
  Device device = Device::kAuto;  // kCuda: the GPU with the local rank's index; kAuto: kCuda if any
  CudaGraphs cuda_graphs = CudaGraphs::kAuto;
  CheckWeights check_weights = CheckWeights::kSample;
};

// Declares the keys of the block.
void declare(Schema& schema, ModelOptions& options);

}  // namespace incipit::model
