#include "kernels/cuda/module.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/error.h"

namespace incipit::kernels::cuda {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "libincipit_cuda.so";
constexpr const char* kEntry = "incipit_cuda_kernels";
#ifdef INCIPIT_CUDA_MODULE_FOLDER
constexpr const char* kBuildFolder = INCIPIT_CUDA_MODULE_FOLDER;
#else
constexpr const char* kBuildFolder = "";
#endif

}  // namespace

std::string find_module(const std::string& file) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  const std::vector<fs::path> folders{program, program.parent_path() / "lib",
                                      program.parent_path() / "lib64", fs::path(kBuildFolder)};
  for (const fs::path& folder : folders) {
    if (!folder.empty() && fs::exists(folder / file, error)) return folder / file;
  }
  return file;
}

Module load_module(const std::string& file) {
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return {nullptr, std::string("the GPU kernels cannot be loaded (") + ::dlerror() +
                         "); build Incipit where nvcc 13 is installed, or set "
                         "INCIPIT_CUDA_MODULE to the path of " +
                         kFile};
  }
  using Entry = const void* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(library, kEntry));
  const auto* const table = entry ? static_cast<const Table*>(entry()) : nullptr;
  if (table == nullptr || table->version != kTableVersion) {
    throw ConfigError(file + ": the GPU kernels are of version " +
                      (table == nullptr ? "unknown" : std::to_string(table->version)) +
                      ", but this program needs " + std::to_string(kTableVersion) +
                      "; build and install both from the same sources");
  }
  return {table, ""};
}

const Module& module() {
  static const Module loaded = [] {
    const char* const named = std::getenv("INCIPIT_CUDA_MODULE");
    return load_module(named != nullptr ? named : find_module(kFile));
  }();
  return loaded;
}

}  // namespace incipit::kernels::cuda
