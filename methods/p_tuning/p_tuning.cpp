#include "methods/p_tuning/p_tuning.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "methods/draws.h"
#include "methods/p_tuning/p_tuning_adapter.h"

namespace incipit::p_tuning {
namespace {

constexpr std::uint64_t kStream = 0x50726f04;  // random stream

EncoderShape encoder_shape(const methods::MethodOptions& options, const model::ModelSpec& spec) {
  return {
      .kind = options.encoder_reparameterization_type,
      .tokens = options.num_virtual_tokens,
      .width = spec.hidden_size,
      .hidden = options.encoder_hidden_size > 0 ? options.encoder_hidden_size : spec.hidden_size,
      .lstm_layers = options.encoder_num_layers};
}

// Draws every parameter as torch draws it for PEFT's module, from another random stream.
std::shared_ptr<methods::Trainable> start(const methods::MethodOptions& options,
                                          const methods::StartInputs& inputs,
                                          const std::string& name) {
  const EncoderShape encoder = encoder_shape(options, inputs.spec);
  methods::Draws draws(inputs.seed, kStream, inputs.device);
  std::vector<at::Tensor> start;
  for (const EncoderParameter& parameter : encoder_parameters(encoder)) {
    start.push_back(parameter.bound > 0 ? draws.uniform(parameter.shape, parameter.bound)
                                        : draws.normal(parameter.shape, 1));
  }
  return std::make_shared<PTuning>(name, encoder, start);
}

// An MLP and an LSTM.
std::vector<methods::MethodOptions> examples() {
  std::vector both(2, methods::small_options("p_tuning"));
  for (methods::MethodOptions& options : both) options.encoder_hidden_size = 4;
  both[1].encoder_reparameterization_type = EncoderKind::kLstm;
  return both;
}

}  // namespace

PTuning::PTuning(std::string name, const EncoderShape& encoder, const at::Tensor& values)
    : InputPrompt(std::move(name), encoder.tokens, encoder.width), encoder_(encoder) {
  add_parameter("values", values);
}

PTuning::PTuning(std::string name, const EncoderShape& encoder, std::span<const at::Tensor> start)
    : InputPrompt(std::move(name), encoder.tokens, encoder.width), encoder_(encoder) {
  const std::vector<EncoderParameter> parameters = encoder_parameters(encoder);
  for (std::size_t i = 0; i < parameters.size(); ++i) add_parameter(parameters[i].name, start[i]);
}

at::Tensor PTuning::values(std::span<const at::Tensor> parameters) const {
  return has_encoder() ? encode(encoder_, parameters) : InputPrompt::values(parameters);
}

void PTuning::backward(const at::Tensor& grad_values) {
  if (!has_encoder()) return InputPrompt::backward(grad_values);
  std::vector<at::Tensor> grads;
  for (const methods::Parameter& parameter : parameters()) grads.push_back(parameter.grad);
  encode_backward(encoder_, methods::current_parameters(*this), grad_values, grads);
}

void PTuning::save_values(const std::filesystem::path& folder, const at::Tensor& values,
                          const methods::BackboneInfo& backbone) const {
  save_p_tuning_adapter(folder, {name(), values, backbone}, encoder_);
}

methods::Method method() {
  return {.kind = "p_tuning",
          .peft_type = kPeftType,
          .trains_backbone = false,
          .rows = methods::rows_of_tokens,
          .title =
              [](const methods::MethodOptions& options) {
                const bool mlp = options.encoder_reparameterization_type == EncoderKind::kMlp;
                return methods::title_with_tokens("soft prompt", options) + " through an " +
                       (mlp ? "MLP" : "LSTM");
              },
          .numbers =
              [](const methods::MethodOptions& options, const model::ModelSpec& spec) {
                return options.num_virtual_tokens * spec.hidden_size;
              },
          .make = start,
          .load = [](const std::filesystem::path& folder) -> methods::LoadedPrompt {
            const LoadedRows loaded = load_p_tuning_adapter(folder);
            return {std::make_shared<PTuning>(loaded.adapter.name, loaded.encoder,
                                              loaded.adapter.values),
                    loaded.adapter.backbone};
          },
          .examples = examples};
}

}  // namespace incipit::p_tuning
