#include "methods/prefix_tuning/prefix_adapter.h"

#include <nlohmann/json.hpp>
#include <string>

namespace incipit::prefix_tuning {

// The projection is evaluated and dropped when a prefix is saved, so prefix_projection is false.
void save_prefix_adapter(const std::filesystem::path& folder, const methods::PeftAdapter& adapter,
                         const PrefixShape& shape, const PrefixForm& form) {
  nlohmann::json config = {
      {"num_attention_heads", shape.kv_heads},
      {"num_layers", shape.layers},
      {"peft_type", form.cartridge ? kCartridgeType : kPeftType},
      {"token_dim", shape.token_dim()},
  };
  if (form.cartridge) {
    config["num_frozen_tokens"] = form.frozen;
  } else {
    config["encoder_hidden_size"] = shape.token_dim();
    config["init_weights"] = nullptr;
    config["prefix_projection"] = false;
  }
  methods::save_peft_folder(folder, adapter, config);
}

LoadedPrefix load_prefix_adapter(const std::filesystem::path& folder) {
  const model::JsonObject config = methods::read_peft_config(folder);
  const std::string type = config.text("peft_type");
  if (type != kPeftType && type != kCartridgeType) {
    config.fail("peft_type", "is " + type + "; expected " + kPeftType + " or " + kCartridgeType);
  }
  LoadedPrefix loaded;
  loaded.form.cartridge = type == kCartridgeType;
  if (loaded.form.cartridge && config.has("num_frozen_tokens")) {
    const std::int64_t tokens = config.integer("num_virtual_tokens", 1);
    loaded.form.frozen = config.integer("num_frozen_tokens", 0, tokens);
  }
  loaded.shape.layers = config.integer("num_layers", 1);
  loaded.shape.kv_heads = config.integer("num_attention_heads", 1);
  const std::int64_t token_dim = config.integer("token_dim", 1);
  if (token_dim % loaded.shape.kv_heads != 0) {
    config.fail("token_dim", std::to_string(token_dim) +
                                 " is no multiple of num_attention_heads, " +
                                 std::to_string(loaded.shape.kv_heads));
  }
  loaded.shape.head_dim = token_dim / loaded.shape.kv_heads;
  // PEFT evaluates a projection before it saves, whatever prefix_projection says.
  loaded.adapter =
      methods::read_peft_tensors(folder, config, loaded.shape.width(), 1, "2 num_layers token_dim");
  loaded.adapter.backbone.attention_heads = 0;  // here the key/value heads
  return loaded;
}

}  // namespace incipit::prefix_tuning
