// One transformer layer, forward and backward, on the packed rows of a forest:
//
//   x += attention(norm(x));  x += mlp(norm(x))
//
// Some models also normalise what is added: x += norm(attention(norm(x))). A decoder after an
// encoder attends to its output between the two (nn/cross_attention.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "nn/attention.h"
#include "nn/cross_attention.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "nn/ops.h"

namespace incipit::nn {

// Data shared by all layers of a pass.
struct BlockContext {
  at::Tensor positions;                  // [rows] int32
  Additions additions;                   // at these rows
  std::vector<ops::RotaryTable> rotary;  // by SelfAttention::rotary
};

// The rows for which a layer computes queries, attention and MLP: all, or only some (the last layer
// needs only the target rows). Keys and values are computed for all rows.
struct QueryRows {
  const AttentionPlan* plan = nullptr;
  at::Tensor index;     // [queries] int64, undefined: every row
  Additions additions;  // at the queries
  CrossRows cross{};    // of the same queries, in layers with cross attention
};

// The activations that a layer's backward needs from its forward. The queries and keys in `qkv` are
// rotated.
struct BlockRecord {
  at::Tensor input;  // [rows, hidden]
  NormStatistics input_statistics;
  at::Tensor raw_qk;          // [rows, q_width + kv_width], before the norms of queries and keys
  at::Tensor qkv;             // [rows, qkv_width]
  AttentionResult attention;  // of the queries
  NormRecord attention_post;  // [queries, hidden]
  CrossRecord cross;
  at::Tensor middle;  // [queries, hidden], after attention
  NormStatistics middle_statistics;
  at::Tensor hidden;    // [queries, width], of the MLP
  NormRecord mlp_post;  // [queries, hidden]
  NormRecord output;    // [queries, hidden]
};

// What a layer keeps of its forward pass beside its keys and values.
enum class Keep {
  kNothing,
  kAll,        // for backward
  kAttention,  // its input and the result of attention, from which recompute() restores the rest
};

// Gradients that later passes added to a pass's keys and values of a layer (undefined: none).
struct LaterGradients {
  KeysValues own;
  KeysValues memory;
};

struct SelfAttention {
  AttentionShape shape;  // of this rank's heads
  AttentionRule rule;
  int rotary = -1;  // index into BlockContext::rotary; -1: no rotary embedding
  Linear qkv;       // hidden -> q_width + 2 kv_width: queries, keys, values
  std::optional<Norm> query_norm, key_norm;  // of every head, before rotation
  Linear output;                             // q_width -> hidden
  [[nodiscard]] std::int64_t q_width() const { return shape.heads * shape.head_dim; }
  [[nodiscard]] std::int64_t kv_width() const { return shape.kv_heads * shape.head_dim; }
  // Returns views of the keys and values in `qkv`.
  [[nodiscard]] KeysValues keys_values(const at::Tensor& qkv) const;
};

struct Block {
  int group = 0;  // of its parameters in the weight store
  int stack = 0;  // whose rows it computes
  Norm attention_norm;
  SelfAttention attention;
  std::optional<Norm> attention_post_norm;  // of the output of attention
  Norm mlp_norm;
  Mlp mlp;
  std::optional<Norm> mlp_post_norm;  // of the output of the MLP
  std::optional<CrossAttention> cross;
  std::optional<Norm> output_norm;  // of the result, at the end of an encoder

  // Computes the layer: x [rows, hidden] -> [queries, hidden]. `memory` [memory rows, hidden] is
  // undefined without cross attention. Always sets record.qkv and record.cross.keys_values, and of
  // the rest of `record` what it keeps. The parameters must be in use.
  [[nodiscard]] at::Tensor forward(const BlockContext& context, const QueryRows& queries,
                                   const at::Tensor& x, const at::Tensor& memory, Stores residents,
                                   Keep keep, BlockRecord& record) const;

  // Sets what forward() sets with Keep::kAll, to the same bits, from the record of one with
  // Keep::kAttention. Does not compute attention again, nor the MLP's output where no norm follows
  // it. Collective as forward(). The work does not count as needed (nn/flops.h).
  void recompute(const BlockContext& context, const QueryRows& queries, Stores residents,
                 BlockRecord& record) const;

  // Returns the gradient of the layer's input, given that of its output, grad [queries, hidden]. If
  // `input_rows` (int64) is defined, computes only those rows: [input_rows, hidden]; only for a
  // layer in which nothing is trained. Sets `grad_memory` if there is a memory. Adds the gradients
  // of trained weights and additions, and those of the residents to `grad_residents`. May overwrite
  // `grad`.
  [[nodiscard]] at::Tensor backward(const BlockContext& context, const QueryRows& queries,
                                    const BlockRecord& record, at::Tensor grad,
                                    const LaterGradients& later, Stores residents,
                                    Stores grad_residents, const at::Tensor& input_rows,
                                    at::Tensor& grad_memory) const;

 private:
  // Computes queries, keys and values from record.input.
  void project(const BlockContext& context, bool for_backward, BlockRecord& record) const;
  enum class Output { kUsed, kUnused };
  // Computes what follows attention, from record.input and record.attention. Returns the layer's
  // result if it is used.
  [[nodiscard]] at::Tensor finish(const QueryRows& queries, const at::Tensor& memory,
                                  Stores residents, Output output, BlockRecord& record) const;
};

}  // namespace incipit::nn
