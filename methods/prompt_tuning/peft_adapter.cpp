// PEFT adapter folders of peft_type PROMPT_TUNING.
#include <nlohmann/json.hpp>

#include "methods/peft_folder.h"
#include "methods/prompt_tuning/adapter_files.h"

namespace incipit::prompt_tuning {

// PEFT's prompt_tuning_init says how to fill a new prompt; since the values are given, use RANDOM,
// which needs no further settings.
void save_peft_adapter(const std::filesystem::path& folder, const SoftPrompt& prompt,
                       const BackboneInfo& backbone) {
  methods::save_peft_folder(
      folder, {prompt.name, prompt.values, backbone},
      {
          {"num_attention_heads", methods::null_if_zero(backbone.attention_heads)},
          {"num_layers", methods::null_if_zero(backbone.layers)},
          {"peft_type", kPeftType},
          {"prompt_tuning_init", "RANDOM"},
          {"prompt_tuning_init_text", nullptr},
          {"token_dim", prompt.width()},
          {"tokenizer_kwargs", nullptr},
          {"tokenizer_name_or_path", nullptr},
      });
}

LoadedPrompt load_peft_adapter(const std::filesystem::path& folder) {
  const model::JsonObject config = methods::read_peft_config(folder);
  const std::string type = config.text("peft_type");
  if (type != kPeftType) config.fail("peft_type", "is " + type + "; expected " + kPeftType);
  // PEFT leaves the width null until it has seen the model.
  const std::int64_t width =
      config.has("token_dim") ? config.integer("token_dim", 1) : methods::stored_width(folder);
  // For an encoder-decoder, PEFT uses only the first num_virtual_tokens rows.
  const std::int64_t copies = config.has("num_transformer_submodules")
                                  ? config.integer("num_transformer_submodules", 1, 2)
                                  : 1;
  methods::PeftAdapter read =
      methods::read_peft_tensors(folder, config, width, copies, "token_dim");
  read.backbone.hidden_size = width;
  return {{read.name, read.values}, read.backbone};
}

}  // namespace incipit::prompt_tuning
