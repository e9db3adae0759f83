// The vocabulary tables: token embedding and output head, split over the tensor parallel ranks by
// rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "core/forest.h"
#include "nn/norm.h"
#include "nn/weight_store.h"

namespace incipit::nn {

struct DevicePath;

// This tensor parallel rank's rows of a table [vocabulary, hidden], in chunks of consecutive token
// ids, each a group of the weight store. All ranks have equally many chunks, some perhaps empty.
struct VocabularyTable {
  struct Chunk {
    Range ids;
    const Parameter* rows = nullptr;
    int group = 0;
  };
  std::vector<Chunk> chunks;
  [[nodiscard]] std::vector<int> groups() const;
};

// What the rows of the token table are multiplied by.
struct EmbeddingScale {
  double factor = 1;
  bool prompts = false;  // rows of soft prompts are multiplied as well
};

// The input of the first layer: scaled rows of the token table or of soft prompts, plus learned
// positions if there are any.
class Embedding {
 public:
  // `positions` [max_positions, hidden] or null; every rank has all of it. Everything must outlive
  // the object.
  Embedding(VocabularyTable table, const EmbeddingScale& scale, const Parameter* positions,
            WeightStore& weights, comm::Communicator& ranks);

  // The groups that rows() uses, in order.
  [[nodiscard]] std::vector<int> groups() const { return table_.groups(); }
  // Returns the rows of a soft prompt that would be the same input as these tokens: rows of the
  // token table, scaled unless prompts are; [ids, hidden] in the compute dtype, zeros for ids below
  // 0. The groups must have been announced. Collective over the tensor parallel and the FSDP ranks.
  [[nodiscard]] at::Tensor rows(std::span<const TokenId> ids) const;
  // Uploads where a GPU's kernel reads each row of input(), if one kernel computes it: the table is
  // not split. Otherwise returns nothing.
  [[nodiscard]] at::Tensor sources(std::span<const TokenId> ids, std::span<const PromptSpan> spans,
                                   std::span<const at::Tensor> prompts) const;
  // Returns the input of the first layer: rows() with the rows of soft prompts inserted, completed.
  // prompts: [rows, hidden] float32 each; positions [ids] int32; sources() of the same. Like
  // rows().
  [[nodiscard]] at::Tensor input(std::span<const TokenId> ids, std::span<const PromptSpan> spans,
                                 std::span<const at::Tensor> prompts, const at::Tensor& positions,
                                 const at::Tensor& sources) const;
  // Completes x [rows, hidden], rows() with the rows of soft prompts inserted, in place: scales all
  // of it if prompts are scaled, then adds the learned positions. positions [rows] int32.
  void complete(at::Tensor x, const at::Tensor& positions) const;
  // What the gradient of completed prompt rows is multiplied by for that of the soft prompt.
  [[nodiscard]] double prompt_factor() const { return scale_.prompts ? scale_.factor : 1; }
  // Adds the gradients of trained tables, given that of the completed rows, grad [ids, hidden].
  // Like rows(), but not collective over the tensor parallel ranks.
  void backward(std::span<const TokenId> ids, const at::Tensor& positions,
                const at::Tensor& grad) const;
  [[nodiscard]] const VocabularyTable& table() const { return table_; }

 private:
  // The ids that a chunk has: their rows in the chunk and their indices in `ids`.
  struct Found {
    std::vector<std::int64_t> rows;
    std::vector<std::int64_t> places;
  };
  static Found find(const VocabularyTable::Chunk& chunk, std::span<const TokenId> ids);
  void scale(at::Tensor x) const;
  at::Tensor launch_input(const at::Tensor& sources, std::span<const at::Tensor> prompts,
                          const at::Tensor& positions) const;

  VocabularyTable table_;
  EmbeddingScale scale_;  // rounded to the compute dtype
  const Parameter* positions_;
  WeightStore* weights_;
  comm::Communicator* ranks_;
};

// The output head: logits = softcap(norm(x) W^T). The outputs are tokens, or classes.
struct Head {
  Norm norm;
  std::optional<double> softcap;
  VocabularyTable table;
  std::vector<Range> vocabulary;  // the outputs of every tensor parallel rank
  WeightStore* weights = nullptr;
  comm::Communicator* ranks = nullptr;  // tensor parallel
};

}  // namespace incipit::nn
