#include "model/gpus.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>

#include <string>

#include "core/error.h"

namespace incipit::model {

int load_gpus() {
  if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    throw ConfigError(std::string("model.device: cuda needs libtorch_cuda.so, which cannot be "
                                  "loaded (") +
                      ::dlerror() + "); use cpu");
  }
  const int gpus = at::detail::getCUDAHooks().getNumGPUs();
  if (gpus == 0) throw ConfigError("model.device: cuda, but no GPU is visible; use cpu");
  return gpus;
}

}  // namespace incipit::model
