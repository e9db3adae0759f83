// Turns a soft prompt into another format, for peft_adapter_test.py.
//
//   peft_adapter_tool FROM TO     each a PEFT folder or a .npy
#include <cstdio>
#include <exception>
#include <filesystem>

#include "methods/prompt_tuning/adapter_files.h"

int main(int count, char** arguments) {
  if (count != 3) return 2;
  try {
    const std::filesystem::path to = arguments[2];
    incipit::prompt_tuning::LoadedPrompt loaded = incipit::prompt_tuning::load_any(arguments[1]);
    if (to.extension() == ".npy") {
      incipit::prompt_tuning::save_npy(to, loaded.prompt);
    } else {
      loaded.backbone.weights_fingerprint = "0123456789abcdef";
      incipit::prompt_tuning::save_peft_adapter(to, loaded.prompt, loaded.backbone);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
  return 0;
}
