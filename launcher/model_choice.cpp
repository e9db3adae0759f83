#include "launcher/model_choice.h"

#include <dlfcn.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "core/check.h"
#include "core/text.h"
#include "kernels/cpu/instruction_set.h"
#include "launcher/system_info.h"

namespace incipit::launcher {
namespace {

using model::Device;
using model::Dtype;

void choose_device(const ModelMachine& machine, ModelChoice& choice) {
  if (choice.options.device != Device::kAuto) return;
  const bool gpu = machine.gpus > 0;
  choice.options.device = gpu ? Device::kCuda : Device::kCpu;
  choice.device_reason = gpu ? "auto: " + std::to_string(machine.gpus) +
                                   (machine.gpus == 1 ? " GPU is visible" : " GPUs are visible")
                             : "auto: no GPU is visible";
}

void choose_dtype(const ModelMachine& machine, ModelChoice& choice) {
  if (choice.options.dtype != Dtype::kAuto) return;
  const auto choose = [&](Dtype dtype, const std::string& why) {
    choice.options.dtype = dtype;
    choice.dtype_reason = "auto: " + why;
  };
  if (choice.options.device == Device::kCuda) {
    choose(Dtype::kBFloat16, "the fastest on a GPU");
  } else if (machine.bfloat16_units) {
    choose(Dtype::kBFloat16, "this processor multiplies bfloat16 directly");
  } else if (machine.float32_bytes > machine.memory) {
    choose(Dtype::kBFloat16, "float32 weights of " + human_bytes(machine.float32_bytes) +
                                 " do not fit into the " + human_bytes(machine.memory) +
                                 " of memory");
  } else {
    choose(Dtype::kFloat32,
           "this processor has no bfloat16 units, so float32 is as fast and exact; bfloat16 halves "
           "the memory");
  }
}

// Returns the number of GPUs that this libtorch can use. Loads libtorch's large CUDA library only
// if there is a GPU.
std::size_t usable_gpus() {
  const std::size_t gpus = gpu_memory().size();
  if (gpus == 0 || ::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) return 0;
  return gpus;
}

std::string device_name(Device device) { return device == Device::kCuda ? "cuda" : "cpu"; }

}  // namespace

ModelMachine this_machine(const model::ModelOptions& options) {
  return {.gpus = options.device == Device::kAuto ? usable_gpus() : 0,
          .bfloat16_units = kernels::cpu::has_bfloat16_units(),
          .float32_bytes = 0,
          .memory = std::numeric_limits<double>::infinity()};
}

ModelChoice choose_model(const model::ModelOptions& options, const ModelMachine& machine) {
  ModelChoice choice{.options = options,
                     .dtype_reason = "set in the configuration",
                     .device_reason = "set in the configuration"};
  choose_device(machine, choice);
  choose_dtype(machine, choice);
  return choice;
}

ModelChoice agree(comm::Communicator& world, const model::ModelOptions& options,
                  const ModelMachine& machine) {
  struct Offer {
    Dtype dtype;
    std::size_t gpus;
    bool units;
    double float32_bytes, memory;
  };
  const Offer mine{options.dtype, machine.gpus, machine.bfloat16_units, machine.float32_bytes,
                   machine.memory};
  model::ModelOptions wanted = options;
  ModelMachine least = machine;
  for (const Offer& each : world.all_gather(mine, "choice of model.dtype and model.device")) {
    if (wanted.dtype == Dtype::kAuto) wanted.dtype = each.dtype;
    least.gpus = std::min(least.gpus, each.gpus);
    least.bfloat16_units = least.bfloat16_units && each.units;
    least.float32_bytes = std::max(least.float32_bytes, each.float32_bytes);
    least.memory = std::min(least.memory, each.memory);
  }
  return choose_model(wanted, least);
}

c10::ScalarType scalar_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat32:
      return c10::ScalarType::Float;
    case Dtype::kBFloat16:
      return c10::ScalarType::BFloat16;
    case Dtype::kFloat16:
      return c10::ScalarType::Half;
    case Dtype::kAuto:
      break;
  }
  INCIPIT_CHECK(false, "model.dtype was not chosen");
}

std::string dtype_text(const ModelChoice& choice) {
  return std::string(model::dtype_name(choice.options.dtype)) + " (" + choice.dtype_reason + ")";
}

std::string device_text(const ModelChoice& choice) {
  return device_name(choice.options.device) + " (" + choice.device_reason + ")";
}

}  // namespace incipit::launcher
