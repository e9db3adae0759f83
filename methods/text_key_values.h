// The keys and values that a model computes for a text.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "core/forest.h"
#include "model/backbone.h"

namespace incipit::methods {

// Returns them in the layout of a prefix: [ids, 2 layers kv_heads head_dim] float32 on the CPU, of
// layer i keys at 2i, rotated for the positions from 0, and values at 2i + 1. All layers have the
// same key/value heads. The same on all ranks of one copy of the model, over which it is
// collective.
[[nodiscard]] at::Tensor text_key_values(const model::Backbone& backbone,
                                         std::span<const TokenId> ids);

}  // namespace incipit::methods
