#include "methods/p_tuning/p_tuning_adapter.h"

#include <nlohmann/json.hpp>
#include <string>

namespace incipit::p_tuning {
namespace {

constexpr const char* kMlp = "MLP";
constexpr const char* kLstm = "LSTM";

}  // namespace

void save_p_tuning_adapter(const std::filesystem::path& folder, const methods::PeftAdapter& adapter,
                           const EncoderShape& encoder) {
  methods::save_peft_folder(
      folder, adapter,
      {
          {"encoder_dropout", 0.0},
          {"encoder_hidden_size", encoder.hidden},
          {"encoder_num_layers", encoder.lstm_layers},
          {"encoder_reparameterization_type", encoder.kind == EncoderKind::kMlp ? kMlp : kLstm},
          {"num_attention_heads", methods::null_if_zero(adapter.backbone.attention_heads)},
          {"num_layers", methods::null_if_zero(adapter.backbone.layers)},
          {"peft_type", kPeftType},
          {"token_dim", encoder.width},
      });
}

LoadedRows load_p_tuning_adapter(const std::filesystem::path& folder) {
  const model::JsonObject config = methods::read_peft_config(folder);
  const std::string type = config.text("peft_type");
  if (type != kPeftType) config.fail("peft_type", "is " + type + "; expected " + kPeftType);
  const std::string kind = config.text_or("encoder_reparameterization_type", kMlp);
  if (kind != kMlp && kind != kLstm) {
    config.fail("encoder_reparameterization_type", "is " + kind + "; expected MLP or LSTM");
  }
  const auto integer_or = [&](const char* key, std::int64_t otherwise) {
    return config.has(key) ? config.integer(key, 1) : otherwise;
  };
  LoadedRows loaded;
  EncoderShape& encoder = loaded.encoder;
  encoder.kind = kind == kMlp ? EncoderKind::kMlp : EncoderKind::kLstm;
  encoder.tokens = config.integer("num_virtual_tokens", 1);
  // PEFT leaves the width null until it has seen the model.
  encoder.width =
      config.has("token_dim") ? config.integer("token_dim", 1) : methods::stored_width(folder);
  encoder.hidden = integer_or("encoder_hidden_size", encoder.width);
  encoder.lstm_layers =
      integer_or("encoder_num_layers", methods::MethodOptions().encoder_num_layers);
  // For an encoder-decoder, PEFT uses only the first num_virtual_tokens rows.
  const std::int64_t copies = config.has("num_transformer_submodules")
                                  ? config.integer("num_transformer_submodules", 1, 2)
                                  : 1;
  loaded.adapter = methods::read_peft_tensors(folder, config, encoder.width, copies, "token_dim");
  loaded.adapter.backbone.hidden_size = encoder.width;
  return loaded;
}

}  // namespace incipit::p_tuning
