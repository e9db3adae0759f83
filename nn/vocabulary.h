// The vocabulary tables: token embedding and output head, split over the tensor parallel ranks by
// rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "core/forest.h"
#include "nn/norm.h"
#include "nn/weight_store.h"

namespace incipit::nn {

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

// The input of the first layer: rows of the token table, plus learned positions if there are any.
class Embedding {
 public:
  // `positions` [max_positions, hidden] or null; every rank has all of it. Everything must outlive
  // the object.
  Embedding(VocabularyTable table, const Parameter* positions, WeightStore& weights,
            comm::Communicator& ranks)
      : table_(std::move(table)), positions_(positions), weights_(&weights), ranks_(&ranks) {}

  // The groups that rows() uses, in order.
  [[nodiscard]] std::vector<int> groups() const { return table_.groups(); }
  // Returns rows of the token table, [ids, hidden] in the compute dtype; zeros for ids below 0. The
  // groups must have been announced. Collective over the tensor parallel and the FSDP ranks.
  [[nodiscard]] at::Tensor rows(std::span<const TokenId> ids) const;
  // Adds the learned positions to x [rows, hidden], in place. positions [rows] int32.
  void add_positions(at::Tensor x, const at::Tensor& positions) const;

 private:
  VocabularyTable table_;
  const Parameter* positions_;
  WeightStore* weights_;
  comm::Communicator* ranks_;
};

// The output head: logits = norm(x) W^T.
struct Head {
  Norm norm;
  VocabularyTable table;
  std::vector<Range> vocabulary;  // of every tensor parallel rank
  WeightStore* weights = nullptr;
  comm::Communicator* ranks = nullptr;  // tensor parallel
};

}  // namespace incipit::nn
