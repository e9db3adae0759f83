#include "nn/device_graphs.h"

#include <dlfcn.h>

#include "kernels/cuda/module.h"
#include "nn/cuda_graphs.h"

namespace incipit::nn {
namespace {

constexpr const char* kFile = "libincipit_cuda_graphs.so";

#define INCIPIT_NAME_OF(x) #x
#define INCIPIT_TEXT_OF(x) INCIPIT_NAME_OF(x)
constexpr const char* kEntry = INCIPIT_TEXT_OF(INCIPIT_CUDA_GRAPHS_ENTRY);

}  // namespace

LoadedGraphs load_graphs(c10::Device device) {
  const kernels::cuda::Module& kernels = kernels::cuda::module();
  if (kernels.table == nullptr) return {nullptr, kernels.problem};
  const std::string file = kernels::cuda::find_module(kFile);
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto entry =
      library == nullptr ? nullptr : reinterpret_cast<CudaGraphsEntry>(::dlsym(library, kEntry));
  if (entry == nullptr) {
    return {nullptr, std::string("CUDA graphs cannot be loaded (") + ::dlerror() +
                         "); build and install Incipit and " + kFile + " from the same sources"};
  }
  return {std::unique_ptr<GraphBackend>(entry(device.index())), ""};
}

}  // namespace incipit::nn
