#include "nn/vocabulary.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "nn/collectives.h"
#include "nn/device_path.h"
#include "nn/host_copy.h"

namespace incipit::nn {
namespace {

// Returns where each prompt begins among the rows of all of them.
std::vector<std::int64_t> first_rows(std::span<const at::Tensor> prompts) {
  std::vector<std::int64_t> first;
  std::int64_t rows = 0;
  for (const at::Tensor& prompt : prompts) {
    first.push_back(rows);
    rows += prompt.defined() ? prompt.size(0) : 0;
  }
  return first;
}

}  // namespace

Embedding::Embedding(VocabularyTable table, const EmbeddingScale& scale, const Parameter* positions,
                     WeightStore& weights, comm::Communicator& ranks)
    : table_(std::move(table)),
      scale_(scale),
      positions_(positions),
      weights_(&weights),
      ranks_(&ranks) {
  const at::ScalarType compute = table_.chunks.front().rows->spec().dtype;
  scale_.factor = at::scalar_tensor(scale.factor, compute).item<double>();
}

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

at::Tensor Embedding::sources(std::span<const TokenId> ids, std::span<const PromptSpan> spans,
                              std::span<const at::Tensor> prompts) const {
  const auto is_plain = [](const at::Tensor& prompt) {
    return !prompt.defined() || (prompt.scalar_type() == at::kFloat && prompt.is_contiguous());
  };
  const VocabularyTable::Chunk& table = table_.chunks.front();
  if (table_.chunks.size() > 1 || ranks_->size() > 1 ||
      prompts.size() > kernels::cuda::kMaxStores ||
      !std::all_of(prompts.begin(), prompts.end(), is_plain) ||
      device_path(table.rows->stored()) == nullptr) {
    return {};
  }
  std::vector<std::int32_t> source;
  for (const TokenId id : ids) {
    source.push_back(static_cast<std::int32_t>(id < 0 ? -1 : id - table.ids.begin));
  }
  const std::vector<std::int64_t> first = first_rows(prompts);
  for (const PromptSpan& span : spans) {
    for (std::int64_t i = 0; i < span.count; ++i) {
      source[span.row + i] =
          static_cast<std::int32_t>(-2 - (first[span.prompt] + span.prompt_row + i));
    }
  }
  return upload(std::span<const std::int32_t>(source), table.rows->stored().device());
}

at::Tensor Embedding::input(std::span<const TokenId> ids, std::span<const PromptSpan> spans,
                            std::span<const at::Tensor> prompts, const at::Tensor& positions,
                            const at::Tensor& sources) const {
  if (sources.defined()) return launch_input(sources, prompts, positions);
  at::Tensor x = rows(ids);
  for (const PromptSpan& span : spans) {
    x.narrow(0, span.row, span.count)
        .copy_(prompts[span.prompt].narrow(0, span.prompt_row, span.count));
  }
  complete(x, positions);
  return x;
}

at::Tensor Embedding::launch_input(const at::Tensor& sources, std::span<const at::Tensor> prompts,
                                   const at::Tensor& positions) const {
  const WeightStore::Use use = weights_->use(table_.chunks.front().group);
  const at::Tensor& table = table_.chunks.front().rows->values();
  at::Tensor x = at::empty({sources.size(0), table.size(1)}, table.options());
  kernels::cuda::Embed embed{.rows = x.size(0),
                             .width = x.size(1),
                             .source = ints_of(sources),
                             .table = input_of(table),
                             .scale = static_cast<float>(scale_.factor),
                             .prompt_scale = static_cast<float>(prompt_factor()),
                             .prompts = static_cast<int>(prompts.size()),
                             .positions = positions.const_data_ptr<std::int32_t>(),
                             .to = output_of(x)};
  const std::vector<std::int64_t> first = first_rows(prompts);
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    if (prompts[p].defined()) embed.prompt[p] = prompts[p].const_data_ptr<float>();
    embed.prompt_first[p] = first[p];
  }
  if (positions_) embed.positions_table = input_of(positions_->values());
  launch(*device_path(table), x, device_path(table)->kernels->embed, embed);
  return x;
}

void Embedding::complete(at::Tensor x, const at::Tensor& positions) const {
  if (scale_.prompts) scale(x);
  if (positions_) x.add_(positions_->values().index_select(0, positions));
}

void Embedding::scale(at::Tensor x) const {
  if (scale_.factor != 1) x.mul_(scale_.factor);
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
