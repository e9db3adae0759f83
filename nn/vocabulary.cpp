#include "nn/vocabulary.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include "nn/collectives.h"
#include "nn/host_copy.h"

namespace incipit::nn {

std::vector<int> VocabularyTable::groups() const {
  std::vector<int> groups;
  for (const Chunk& chunk : chunks) groups.push_back(chunk.group);
  return groups;
}

Embedding::Found Embedding::find(const VocabularyTable::Chunk& chunk,
                                 std::span<const TokenId> ids) {
  Found found;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < chunk.ids.begin || ids[i] >= chunk.ids.end) continue;
    found.places.push_back(static_cast<std::int64_t>(i));
    found.rows.push_back(ids[i] - chunk.ids.begin);
  }
  return found;
}

at::Tensor Embedding::rows(std::span<const TokenId> ids) const {
  at::Tensor x;
  for (const VocabularyTable::Chunk& chunk : table_.chunks) {
    const WeightStore::Use use = weights_->use(chunk.group);
    const at::Tensor& table = chunk.rows->values();
    const auto [rows, places] = find(chunk, ids);
    at::Tensor found = table.index_select(0, upload(rows, table.device()));
    if (places.size() == ids.size()) {
      x = std::move(found);
      continue;
    }
    if (!x.defined()) {
      x = at::zeros({static_cast<std::int64_t>(ids.size()), table.size(1)}, table.options());
    }
    x.index_copy_(0, upload(places, table.device()), found);
  }
  sum_over(*ranks_, x, "embedding");
  if (!scale_.prompts) scale(x);
  return x;
}

void Embedding::complete(at::Tensor x, const at::Tensor& positions) const {
  if (scale_.prompts) scale(x);
  if (positions_) x.add_(positions_->values().index_select(0, positions));
}

void Embedding::complete_backward(at::Tensor grad) const {
  if (scale_.prompts) scale(grad);
}

void Embedding::scale(at::Tensor x) const {
  if (scale_.factor != 1) x.mul_(at::scalar_tensor(scale_.factor, x.scalar_type()));
}

void Embedding::backward(std::span<const TokenId> ids, const at::Tensor& positions,
                         const at::Tensor& grad) const {
  for (const VocabularyTable::Chunk& chunk : table_.chunks) {
    const WeightStore::Use use = weights_->use(chunk.group, WeightStore::Pass::kBackward);
    const at::Tensor& sum = chunk.rows->gradient();
    const auto [rows, places] = find(chunk, ids);
    if (rows.empty()) continue;
    const at::Tensor of_rows = grad.index_select(0, upload(places, sum.device()));
    scale(of_rows);
    sum.index_add_(0, upload(rows, sum.device()), of_rows.to(sum.scalar_type()));
  }
  if (!positions_) return;
  const at::Tensor& sum = positions_->gradient();
  sum.index_add_(0, positions, grad.to(sum.scalar_type()));
}

}  // namespace incipit::nn
