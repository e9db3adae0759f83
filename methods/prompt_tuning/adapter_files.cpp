#include "methods/prompt_tuning/adapter_files.h"

#include "core/error.h"
#include "core/log.h"

namespace incipit::prompt_tuning {

LoadedPrompt load_prompt(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return load_peft_adapter(path);
  if (path.extension() == ".npy" || !std::filesystem::exists(path)) return load_npy(path);
  throw DataError(path.string() + ": a soft prompt is a folder that PEFT or Incipit wrote, or a " +
                  ".npy file");
}

void check_backbone(const LoadedPrompt& loaded, const BackboneInfo& backbone,
                    const std::filesystem::path& path) {
  if (loaded.prompt.width() != backbone.hidden_size) {
    throw DataError(path.string() + ": its vectors have " + std::to_string(loaded.prompt.width()) +
                    " numbers, but the model's hidden size is " +
                    std::to_string(backbone.hidden_size) + "; it belongs to another model" +
                    (loaded.backbone.name.empty() ? "" : " (" + loaded.backbone.name + ")"));
  }
  const std::string& made_for = loaded.backbone.weights_fingerprint;
  const std::string& at_hand = backbone.weights_fingerprint;
  if (!made_for.empty() && !at_hand.empty() && made_for != at_hand) {
    log::warn(
        "{}: was trained with other weights ({}, fingerprint {}...) than the model at hand ({}, "
        "fingerprint {}...); expect it to work worse",
        path.string(), loaded.backbone.name, made_for.substr(0, 12), backbone.name,
        at_hand.substr(0, 12));
  }
}

}  // namespace incipit::prompt_tuning
