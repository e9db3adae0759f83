// The gradient of a loss with respect to the embeddings of tokens, and what it says of other tokens
// in their place (AutoPrompt, Shin et al. 2020; HotFlip, Ebrahimi et al. 2018).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "comm/mesh.h"
#include "data/task.h"
#include "model/backbone.h"
#include "trainer/step.h"

namespace incipit::trainer {

// Tokens at the same place of every example's source.
struct TokenPlace {
  std::int64_t first = 0;  // index of the first of them in Example::source
  std::span<const TokenId> tokens;
};

// Returns the gradient of the mean loss of the examples: [tokens, hidden] float32 on the CPU. The
// loss of an example is the cross-entropy of its right candidate, or -log p(target) where it has no
// candidates. Computes it as that of a soft prompt with the tokens' embeddings as values. The
// examples have a right answer; ranks share them. Collective over the mesh; the same on every rank.
[[nodiscard]] at::Tensor token_gradient(const model::Backbone& backbone, const comm::Mesh& mesh,
                                        const data::Task& task,
                                        std::span<const data::Example> examples,
                                        const TokenPlace& place, const MicroBatches& micro_batches);

// Returns for every token w of the vocabulary e_w . gradient, the first-order change of the loss
// with w in place of a token, up to a constant that all w share (and a model's scale of
// embeddings). AutoPrompt takes the lowest.
// `gradient` is [hidden]. Collective over the ranks of one copy of the model.
[[nodiscard]] std::vector<float> first_order_losses(const model::Backbone& backbone,
                                                    const at::Tensor& gradient);

}  // namespace incipit::trainer
