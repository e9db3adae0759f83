// P-tuning: input vectors that an encoder computes from learned ones (Liu et al. 2021, "GPT
// Understands, Too"), as PEFT's P_TUNING. While training, the parameters are those of the encoder.
// An adapter has what it computes and not the encoder, so a loaded prompt has no encoder.
#pragma once

#include <span>
#include <string>

#include "methods/input_prompt.h"
#include "methods/method.h"
#include "methods/p_tuning/encoder.h"

namespace incipit::p_tuning {

class PTuning final : public methods::InputPrompt {
 public:
  // `values` [tokens, width] float32, which this encoder computed.
  PTuning(std::string name, const EncoderShape& encoder, const at::Tensor& values);
  // `start` has the values of encoder_parameters(), in their order.
  PTuning(std::string name, const EncoderShape& encoder, std::span<const at::Tensor> start);

  [[nodiscard]] at::Tensor values(std::span<const at::Tensor> parameters) const override;
  void backward(const at::Tensor& grad_values) override;
  void save_values(const std::filesystem::path& folder, const at::Tensor& values,
                   const methods::BackboneInfo& backbone) const override;

 private:
  [[nodiscard]] bool has_encoder() const { return parameters().size() > 1; }

  EncoderShape encoder_;
};

// The method, for the registry (methods/registry.cpp).
[[nodiscard]] methods::Method method();

}  // namespace incipit::p_tuning
