#include "methods/prefix_tuning/prefix_start.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/random.h"
#include "methods/prefix_tuning/prefix_adapter.h"

namespace incipit::prefix_tuning {
namespace {

using methods::InitKind;
using methods::MethodOptions;

constexpr std::uint64_t kStream = 0x50726f03;  // random stream
// Keys of standard deviation 1, PEFT's default, draw all attention to the prefix.
constexpr const char* kAutoScale = "0.1";

// Draws values one after the other from one stream.
class Draws {
 public:
  Draws(std::uint64_t seed, bool uniform, at::Device device)
      : random_(seed, kStream), uniform_(uniform), device_(device) {}

  // N(0, scale^2), or uniform in [-scale, scale).
  [[nodiscard]] at::Tensor next(at::IntArrayRef shape, double scale) {
    at::Tensor values = at::empty(shape, at::TensorOptions(device_).dtype(at::kFloat));
    if (values.is_meta()) return values;
    auto* out = values.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      const double drawn = uniform_ ? 2 * random_.uniform() - 1 : random_.normal();
      out[i] = static_cast<float>(scale * drawn);
    }
    return values;
  }

  [[nodiscard]] at::Device device() const { return device_; }

 private:
  Random random_;
  bool uniform_;
  at::Device device_;
};

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

// The MLP's weights are drawn as torch.nn.Linear draws them, uniform in 1 / sqrt(inputs).
Projection start_projection(const MethodOptions& options, const PrefixShape& shape, Draws& draws,
                            std::uint64_t seed, double scale) {
  const std::int64_t hidden =
      options.encoder_hidden_size > 0 ? options.encoder_hidden_size : shape.token_dim();
  Projection start;
  start.vectors = draws.next({options.num_virtual_tokens, shape.token_dim()}, scale);
  Draws weights(seed + 1, /*uniform=*/true, draws.device());
  const double first = 1 / std::sqrt(static_cast<double>(shape.token_dim()));
  const double second = 1 / std::sqrt(static_cast<double>(hidden));
  start.w1 = weights.next({hidden, shape.token_dim()}, first);
  start.b1 = weights.next({hidden}, first);
  start.w2 = weights.next({shape.width(), hidden}, second);
  start.b2 = weights.next({shape.width()}, second);
  return start;
}

}  // namespace

std::shared_ptr<PrefixTuning> start_prefix(const MethodOptions& options,
                                           const methods::StartInputs& inputs,
                                           const std::string& name) {
  const PrefixShape shape = prefix_shape(inputs.spec);
  if (options.init.kind == InitKind::kFile) {
    return std::make_shared<PrefixTuning>(name, shape, from_file(options, shape));
  }
  const std::string& text = options.init.scale == "auto" ? kAutoScale : options.init.scale;
  const double scale = methods::uniform_range(text, 0).high;
  Draws draws(inputs.seed, init_kind(options) == InitKind::kRandomUniform, inputs.device);
  if (options.prefix_projection) {
    return std::make_shared<PrefixTuning>(
        name, shape, start_projection(options, shape, draws, inputs.seed, scale));
  }
  return std::make_shared<PrefixTuning>(
      name, shape, draws.next({options.num_virtual_tokens, shape.width()}, scale));
}

}  // namespace incipit::prefix_tuning
