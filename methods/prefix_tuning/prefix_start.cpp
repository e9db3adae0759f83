#include "methods/prefix_tuning/prefix_start.h"

#include <cmath>
#include <cstdint>
#include <span>
#include <string>

#include "core/error.h"
#include "methods/draws.h"
#include "methods/prefix_tuning/prefix_adapter.h"

namespace incipit::prefix_tuning {
namespace {

using methods::InitKind;
using methods::MethodOptions;

constexpr std::uint64_t kStream = 0x50726f03;  // random stream
// Keys of standard deviation 1, PEFT's default, draw all attention to the prefix.
constexpr const char* kAutoScale = "0.1";

at::Tensor from_file(const MethodOptions& options, const PrefixShape& shape) {
  const std::string& path = options.init.path;
  const LoadedPrefix loaded = load_prefix_adapter(path);
  const PrefixTuning prefix(loaded.adapter.name, loaded.shape, loaded.adapter.values);
  if (loaded.shape != shape) {
    throw DataError(path + ": a prefix for another model: it has " +
                    std::to_string(loaded.shape.layers) + " layers of width " +
                    std::to_string(loaded.shape.token_dim()) + ", the model has " +
                    std::to_string(shape.layers) + " of " + std::to_string(shape.token_dim()));
  }
  const std::int64_t rows = loaded.adapter.values.size(0);
  if (rows != options.num_virtual_tokens) {
    throw DataError(path + ": has " + std::to_string(rows) +
                    " virtual tokens, but method.num_virtual_tokens is " +
                    std::to_string(options.num_virtual_tokens) + "; make them equal");
  }
  return loaded.adapter.values;
}

// The keys and values of the text's first tokens, as many as virtual tokens.
at::Tensor from_text(const MethodOptions& options, const methods::StartInputs& inputs) {
  check_text(options, inputs.spec, std::ssize(inputs.text_ids));
  const auto tokens = static_cast<std::size_t>(options.num_virtual_tokens);
  return inputs.key_values(std::span(inputs.text_ids).first(tokens));
}

// Returns vectors or values as options.init says.
at::Tensor start_values(const MethodOptions& options, const methods::StartInputs& inputs,
                        std::int64_t width) {
  const std::string& text = options.init.scale == "auto" ? kAutoScale : options.init.scale;
  const double scale = methods::uniform_range(text, 0).high;
  methods::Draws draws(inputs.seed, kStream, inputs.device);
  const bool uniform = init_kind(options) == InitKind::kRandomUniform;
  return uniform ? draws.uniform({options.num_virtual_tokens, width}, scale)
                 : draws.normal({options.num_virtual_tokens, width}, scale);
}

// The MLP's weights are drawn as torch.nn.Linear draws them, uniform in 1 / sqrt(inputs).
Projection start_projection(const MethodOptions& options, const PrefixShape& shape,
                            const methods::StartInputs& inputs) {
  const std::int64_t hidden =
      options.encoder_hidden_size > 0 ? options.encoder_hidden_size : shape.token_dim();
  Projection start;
  start.vectors = start_values(options, inputs, shape.token_dim());
  methods::Draws weights(inputs.seed + 1, kStream, inputs.device);
  const double first = 1 / std::sqrt(static_cast<double>(shape.token_dim()));
  const double second = 1 / std::sqrt(static_cast<double>(hidden));
  start.w1 = weights.uniform({hidden, shape.token_dim()}, first);
  start.b1 = weights.uniform({hidden}, first);
  start.w2 = weights.uniform({shape.width(), hidden}, second);
  start.b2 = weights.uniform({shape.width()}, second);
  return start;
}

}  // namespace

void check_text(const MethodOptions& options, const model::ModelSpec& spec,
                std::int64_t text_tokens) {
  if (spec.has_encoder()) {
    throw ConfigError(
        "method.init.kind: text is for models without an encoder, and this model has one; expected "
        "normal, random_uniform or file");
  }
  if (text_tokens >= options.num_virtual_tokens) return;
  throw ConfigError("method.init.text: has " + std::to_string(text_tokens) +
                    " tokens, but method.num_virtual_tokens is " +
                    std::to_string(options.num_virtual_tokens) +
                    "; give a longer text, or fewer virtual tokens");
}

std::shared_ptr<PrefixTuning> start_prefix(const MethodOptions& options,
                                           const methods::StartInputs& inputs,
                                           const std::string& name) {
  const PrefixShape shape = prefix_shape(inputs.spec);
  PrefixForm form;
  if (options.kind == "cartridge") form = {true, options.num_frozen_tokens};
  const InitKind kind = init_kind(options);
  if (kind == InitKind::kFile) {
    return std::make_shared<PrefixTuning>(name, shape, from_file(options, shape), form);
  }
  if (kind == InitKind::kText) {
    return std::make_shared<PrefixTuning>(name, shape, from_text(options, inputs), form);
  }
  if (options.prefix_projection && !form.cartridge) {
    return std::make_shared<PrefixTuning>(name, shape, start_projection(options, shape, inputs));
  }
  return std::make_shared<PrefixTuning>(name, shape, start_values(options, inputs, shape.width()),
                                        form);
}

}  // namespace incipit::prefix_tuning
