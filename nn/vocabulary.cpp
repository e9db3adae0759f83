#include "nn/vocabulary.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "nn/collectives.h"

namespace incipit::nn {

std::vector<int> VocabularyTable::groups() const {
  std::vector<int> groups;
  for (const Chunk& chunk : chunks) groups.push_back(chunk.group);
  return groups;
}

at::Tensor Embedding::rows(std::span<const TokenId> ids) const {
  at::Tensor x;
  for (const VocabularyTable::Chunk& chunk : table_.chunks) {
    const WeightStore::Use use = weights_->use(chunk.group);
    const at::Tensor& table = chunk.rows->values();
    const auto on_device = [&](const std::vector<std::int64_t>& values) {
      return at::tensor(values, at::kLong).to(table.device());
    };
    std::vector<std::int64_t> rows;
    std::vector<std::int64_t> places;  // indices into `ids`
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < chunk.ids.begin || ids[i] >= chunk.ids.end) continue;
      places.push_back(static_cast<std::int64_t>(i));
      rows.push_back(ids[i] - chunk.ids.begin);
    }
    at::Tensor found = table.index_select(0, on_device(rows));
    if (places.size() == ids.size()) {
      x = std::move(found);
      continue;
    }
    if (!x.defined()) {
      x = at::zeros({static_cast<std::int64_t>(ids.size()), table.size(1)}, table.options());
    }
    x.index_copy_(0, on_device(places), found);
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

}  // namespace incipit::nn
