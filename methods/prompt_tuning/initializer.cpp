#include "methods/prompt_tuning/initializer.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/random.h"
#include "methods/prompt_tuning/adapter_files.h"

namespace incipit::prompt_tuning {
namespace {

using methods::InitKind;
using methods::MethodOptions;
using methods::StartInputs;
using methods::UniformRange;

constexpr std::uint64_t kValueStream = 0x50726f01;  // random stream for values
constexpr std::uint64_t kTokenStream = 0x50726f02;  // random stream for tokens
constexpr std::int64_t kRowsAtOnce = 4096;          // rows of the embedding table

at::Tensor embed(const StartInputs& inputs, std::span<const TokenId> ids) {
  for (const TokenId id : ids) {
    if (id < inputs.spec.vocab_size) continue;
    throw ConfigError("method.init: a text has token " + std::to_string(id) +
                      " of the tokenizer, but the model has only the tokens below " +
                      std::to_string(inputs.spec.vocab_size) + "; choose another text");
  }
  at::Tensor rows = inputs.embed(ids);
  INCIPIT_CHECK(rows.scalar_type() == at::kFloat && rows.dim() == 2 &&
                rows.size(0) == static_cast<std::int64_t>(ids.size()) &&
                rows.size(1) == inputs.spec.hidden_size);
  return rows.contiguous();
}

template <typename Draw>
at::Tensor draw_values(const StartInputs& inputs, std::int64_t rows, std::uint64_t seed,
                       Draw draw) {
  at::Tensor values = at::empty({rows, inputs.spec.hidden_size},
                                at::TensorOptions(inputs.device).dtype(at::kFloat));
  if (inputs.device.is_meta()) return values;
  Random random(seed, kValueStream);
  float* out = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) out[i] = static_cast<float>(draw(random));
  return values;
}

// Returns the ids to sample from, in ascending order.
std::vector<TokenId> sample_population(const StartInputs& inputs, std::int64_t sample_from) {
  const std::unordered_set<TokenId> special(inputs.special_ids.begin(), inputs.special_ids.end());
  const std::int64_t most = sample_from == 0 ? inputs.spec.vocab_size : sample_from;
  std::vector<TokenId> population;
  for (std::int64_t id = 0; id < inputs.spec.vocab_size; ++id) {
    if (static_cast<std::int64_t>(population.size()) == most) break;
    if (!special.contains(static_cast<TokenId>(id))) population.push_back(static_cast<TokenId>(id));
  }
  INCIPIT_CHECK(!population.empty(), "every token of the vocabulary is special");
  return population;
}

// Samples without replacement if the population is large enough, else with replacement.
std::vector<TokenId> sample_tokens(const StartInputs& inputs, std::int64_t sample_from,
                                   std::int64_t count, std::uint64_t seed) {
  std::vector<TokenId> population = sample_population(inputs, sample_from);
  const auto size = static_cast<std::int64_t>(population.size());
  Random random(seed, kTokenStream);
  std::vector<TokenId> drawn;
  for (std::int64_t i = 0; i < count; ++i) {
    if (size < count) {
      drawn.push_back(population[random.below(static_cast<std::uint64_t>(size))]);
    } else {
      std::swap(population[i], population[i + random.below(static_cast<std::uint64_t>(size - i))]);
      drawn.push_back(population[i]);
    }
  }
  return drawn;
}

at::Tensor from_text(const MethodOptions& options, const StartInputs& inputs) {
  if (inputs.text_ids.empty()) {
    throw ConfigError("method.init.text: has no tokens; give a text, or another method.init.kind");
  }
  std::vector<TokenId> ids;
  for (std::int64_t i = 0; i < options.num_virtual_tokens; ++i) {
    ids.push_back(inputs.text_ids[i % inputs.text_ids.size()]);
  }
  return embed(inputs, ids);
}

// One row per label, the mean of its tokens' embeddings, followed by sampled rows. Without labels,
// auto has sampled rows only.
at::Tensor from_labels(const MethodOptions& options, const StartInputs& inputs,
                       std::uint64_t seed) {
  if (inputs.label_ids.empty() && options.init.kind != InitKind::kAuto) {
    throw ConfigError(
        "method.init.kind: class_labels needs a task with labels (task.verbalizer); take "
        "sampled_vocab, text or random_uniform instead");
  }
  const std::int64_t rows = options.num_virtual_tokens;
  at::Tensor values = embed(inputs, sample_tokens(inputs, options.init.sample_from, rows, seed));
  values = values.clone();
  const std::int64_t labels = std::min<std::int64_t>(rows, std::ssize(inputs.label_ids));
  for (std::int64_t label = 0; label < labels; ++label) {
    const std::vector<TokenId>& ids = inputs.label_ids[label];
    if (ids.empty()) {
      throw ConfigError("method.init.kind: class_labels: the text of label " +
                        std::to_string(label + 1) + " has no tokens (task.verbalizer)");
    }
    const at::Tensor tokens = embed(inputs, ids);
    const float* in = tokens.const_data_ptr<float>();
    float* out = values.mutable_data_ptr<float>() + label * inputs.spec.hidden_size;
    for (std::int64_t column = 0; column < inputs.spec.hidden_size; ++column) {
      double sum = 0;
      for (std::size_t row = 0; row < ids.size(); ++row) {
        sum += in[row * inputs.spec.hidden_size + column];
      }
      out[column] = static_cast<float>(sum / static_cast<double>(ids.size()));
    }
  }
  return values;
}

at::Tensor from_file(const MethodOptions& options, const StartInputs& inputs) {
  const std::string& path = options.init.path;
  const LoadedPrompt loaded = load_any(path);
  if (loaded.prompt.width() != inputs.spec.hidden_size) {
    throw DataError(path + ": its vectors have " + std::to_string(loaded.prompt.width()) +
                    " numbers, but the model's hidden size is " +
                    std::to_string(inputs.spec.hidden_size) + "; it belongs to another model");
  }
  if (loaded.prompt.rows() != options.num_virtual_tokens) {
    throw DataError(path + ": has " + std::to_string(loaded.prompt.rows()) +
                    " virtual tokens, but method.num_virtual_tokens is " +
                    std::to_string(options.num_virtual_tokens) + "; make them equal");
  }
  return loaded.prompt.values;
}

at::Tensor initial_values(const MethodOptions& options, const StartInputs& inputs,
                          std::uint64_t seed) {
  const std::int64_t rows = options.num_virtual_tokens;
  switch (init_kind(options)) {
    case InitKind::kRandomUniform: {
      const double rms = options.init.scale == "auto" ? embedding_rms(inputs) : 0;
      const UniformRange range = methods::uniform_range(options.init.scale, rms);
      return draw_values(inputs, rows, seed, [&](Random& random) {
        return range.low + (range.high - range.low) * random.uniform();
      });
    }
    case InitKind::kNormal:
      return draw_values(inputs, rows, seed, [](Random& random) { return random.normal(); });
    case InitKind::kSampledVocab:
      return embed(inputs, sample_tokens(inputs, options.init.sample_from, rows, seed));
    case InitKind::kText:
      return from_text(options, inputs);
    case InitKind::kClassLabels:
      return from_labels(options, inputs, seed);
    case InitKind::kFile:
      return from_file(options, inputs);
    case InitKind::kAuto:
      break;
  }
  throw LogicError("unknown kind of initialiser");
}

}  // namespace

SoftPrompt initialize_prompt(const methods::MethodOptions& options,
                             const methods::StartInputs& inputs, const std::string& name) {
  INCIPIT_CHECK(options.num_virtual_tokens > 0 && inputs.spec.vocab_size > 0 &&
                inputs.spec.hidden_size > 0);
  return {name, initial_values(options, inputs, inputs.seed)};
}

double embedding_rms(const methods::StartInputs& inputs) {
  double squares = 0;
  for (std::int64_t begin = 0; begin < inputs.spec.vocab_size; begin += kRowsAtOnce) {
    std::vector<TokenId> ids;
    const std::int64_t end = std::min(inputs.spec.vocab_size, begin + kRowsAtOnce);
    for (std::int64_t id = begin; id < end; ++id) ids.push_back(static_cast<TokenId>(id));
    const at::Tensor rows = embed(inputs, ids);
    const float* values = rows.const_data_ptr<float>();
    // Sequential, so that the sum does not depend on the number of threads.
    for (std::int64_t i = 0; i < rows.numel(); ++i) {
      squares += static_cast<double>(values[i]) * values[i];
    }
  }
  return std::sqrt(squares / static_cast<double>(inputs.spec.vocab_size * inputs.spec.hidden_size));
}

}  // namespace incipit::prompt_tuning
