#include "methods/prompt_tuning/adapter_files.h"

#include "core/error.h"

namespace incipit::prompt_tuning {

LoadedPrompt load_any(const std::filesystem::path& path) {
  return std::filesystem::is_directory(path) ? load_peft_adapter(path) : load_file(path);
}

LoadedPrompt load_file(const std::filesystem::path& path) {
  if (path.extension() == ".npy" || !std::filesystem::exists(path)) return load_npy(path);
  throw DataError(path.string() +
                  ": a prompt is a folder that PEFT or Incipit wrote, or a .npy file");
}

}  // namespace incipit::prompt_tuning
