// What a new prompt is made from.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/forest.h"
#include "methods/head.h"
#include "model/spec.h"

namespace incipit::methods {

// The caller tokenises, so nothing here depends on a tokenizer.
struct StartInputs {
  model::ModelSpec spec;
  // Looks up rows of the embedding table: ids -> [ids, hidden] float32 on the CPU
  // (Backbone::embed).
  std::function<at::Tensor(std::span<const TokenId>)> embed;
  // Computes keys and values of a text, for prefixes (methods/text_key_values.h). Collective.
  std::function<at::Tensor(std::span<const TokenId>)> key_values{};
  std::vector<TokenId> special_ids;             // never sampled
  std::vector<TokenId> text_ids;                // init.text
  std::vector<std::vector<TokenId>> label_ids;  // one list per label
  std::optional<HeadOptions> head{};            // to train with the prompt
  std::uint64_t seed = 0;
  at::Device device = at::kCPU;  // meta: the prompt has no data, and nothing is drawn
};

}  // namespace incipit::methods
