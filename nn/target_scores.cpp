#include "nn/target_scores.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/max.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <iterator>

#include "core/check.h"
#include "nn/collectives.h"
#include "nn/device_path.h"
#include "nn/host_copy.h"
#include "nn/ops.h"

namespace incipit::nn {
namespace {

// Numbers of a row that ranks exchange.
enum { kNormaliser, kLargest, kLikeliest, kRowNumbers };

}  // namespace

TargetScores::TargetScores(const Head* head, at::ScalarType compute, at::Device device,
                           std::vector<Target> targets)
    : VocabularyScores(head, compute, device, std::move(targets)) {
  const bool has_kernels =
      head_ != nullptr && device_path(head_->table.chunks.front().rows->stored()) != nullptr;
  chunks_ = make_chunks(has_kernels);
  if (!has_kernels) clear_results();  // kernels make new ones
}

std::vector<TargetScores::Chunk> TargetScores::make_chunks(bool has_kernels) const {
  std::vector<Chunk> chunks;
  const auto first_target_at = [&](std::int64_t slot) {
    return std::lower_bound(slot_.begin(), slot_.end(), slot) - slot_.begin();
  };
  for (const RowRange& range : ranges_) {
    Chunk& chunk = chunks.emplace_back(Chunk{range});
    chunk.first_target = first_target_at(range.first_row);
    chunk.targets = first_target_at(range.first_row + range.rows) - chunk.first_target;
    has_kernels ? add_kernel_places(chunk) : add_places(chunk);
  }
  return chunks;
}

void TargetScores::add_kernel_places(Chunk& chunk) const {
  std::vector<std::int32_t> first_of(static_cast<std::size_t>(chunk.rows) + 1);
  std::vector<std::int64_t> ids;
  for (std::int64_t t = 0; t < chunk.targets; ++t) {
    ids.push_back(targets_[chunk.first_target + t].id);
    const std::int64_t row = slot_[chunk.first_target + t] - chunk.first_row;
    first_of[row + 1] = static_cast<std::int32_t>(t + 1);  // every row has a target
  }
  chunk.first_target_of = upload(first_of, device_);
  chunk.ids = upload(ids, device_);
}

void TargetScores::add_places(Chunk& chunk) const {
  std::vector<std::int64_t> row_of;
  for (std::int64_t t = 0; t < chunk.targets; ++t) {
    row_of.push_back(slot_[chunk.first_target + t] - chunk.first_row);
  }
  chunk.row_of = upload(row_of, device_);
  for (const VocabularyTable::Chunk& part : head_->table.chunks) {
    chunk.places.push_back(find_places(chunk, part.ids));
  }
}

std::vector<std::int64_t> TargetScores::shape() const {
  std::vector<std::int64_t> shape{std::ssize(targets_)};
  for (const Chunk& chunk : chunks_) {
    shape.insert(shape.end(), {chunk.first_row, chunk.rows, chunk.first_target, chunk.targets});
  }
  return shape;
}

TargetScores::Places TargetScores::find_places(const Chunk& chunk, const Range& ids) const {
  std::vector<std::int64_t> targets;
  std::vector<std::int64_t> flat;
  for (std::int64_t t = 0; t < chunk.targets; ++t) {
    const TokenId id = targets_[chunk.first_target + t].id;
    if (id < ids.begin || id >= ids.end) continue;
    targets.push_back(t);
    flat.push_back((slot_[chunk.first_target + t] - chunk.first_row) * ids.size() + id - ids.begin);
  }
  return {upload(targets, device_), upload(flat, device_)};
}

void TargetScores::forward(const at::Tensor& last, bool keep_logits) {
  const std::vector<VocabularyTable::Chunk>& parts = head_->table.chunks;
  INCIPIT_CHECK(!keep_logits || parts.size() == 1, "logits of a vocabulary in chunks");
  if (const DevicePath* const path = device_path(last)) return forward_on(*path, last, keep_logits);
  std::vector<std::vector<at::Tensor>> numbers(chunks_.size());
  std::vector<at::Tensor> kept;
  NormStatistics unused;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const WeightStore::Use use = head_->weights->use(parts[part].group);
    const Linear projection = this->projection(part);
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
      const at::Tensor logits = logits_of(projection, normal(last, chunks_[c], unused));
      numbers[c].push_back(part_numbers(chunks_[c], part, logits));
      if (keep_logits) kept.push_back(gather_columns(logits));
    }
  }
  if (chunks_.empty()) return;
  std::vector<at::Tensor> likelihoods;
  std::vector<at::Tensor> likeliest;
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    const at::Tensor all =
        gather_over(*head_->ranks, at::cat(numbers[c]), "scores of the vocabulary");
    combine(chunks_[c], all.view({-1, kRowNumbers * chunks_[c].rows + chunks_[c].targets}),
            likelihoods, likeliest);
  }
  log_likelihoods_ = at::cat(likelihoods).to(wide_);
  argmax_ = at::cat(likeliest);
  if (!kept.empty()) logits_ = kept.size() == 1 ? kept.front() : at::cat(kept);
}

// Returns the numbers that ranks exchange for a part of the vocabulary, [3 rows + targets] float64:
// the log-sum-exp, the largest logit and its id for every row, and the logits of the targets in it
// (0 for the other targets).
at::Tensor TargetScores::part_numbers(Chunk& chunk, std::size_t part,
                                      const at::Tensor& logits) const {
  const auto [largest, column] = at::max(logits, -1);
  chunk.maxima.push_back(largest.to(at::kDouble));
  const Places& places = chunk.places[part];
  at::Tensor of_targets = at::zeros({chunk.targets}, chunk.maxima.back().options());
  of_targets.index_copy_(0, places.targets,
                         logits.view(-1).index_select(0, places.flat).to(at::kDouble));
  return at::cat({at::logsumexp(logits, -1).to(at::kDouble), chunk.maxima.back(),
                  (column + head_->table.chunks[part].ids.begin).to(at::kDouble), of_targets});
}

// `numbers` [parts of the vocabulary, 3 rows + targets]
void TargetScores::combine(Chunk& chunk, const at::Tensor& numbers,
                           std::vector<at::Tensor>& likelihoods,
                           std::vector<at::Tensor>& likeliest) const {
  const auto of_rows = [&](int which) { return numbers.narrow(1, which * chunk.rows, chunk.rows); };
  const at::Tensor normalisers = of_rows(kNormaliser);
  const at::Tensor top = normalisers.amax(0);
  chunk.normalisers = (normalisers - top).exp_().sum(0).log_().add_(top);
  const at::Tensor best = of_rows(kLargest).argmax(0, /*keepdim=*/true);
  const at::Tensor ids = of_rows(kLikeliest).gather(0, best).squeeze(0).to(at::kLong);
  // One part has the target's logit; the others have 0.
  const at::Tensor logits = numbers.narrow(1, kRowNumbers * chunk.rows, chunk.targets).sum(0);
  likelihoods.push_back(logits - chunk.normalisers.index_select(0, chunk.row_of));
  likeliest.push_back(ids.index_select(0, chunk.row_of));
}

at::Tensor TargetScores::gather_columns(const at::Tensor& logits) const {
  const std::vector<Range>& held = head_->vocabulary;
  if (held.size() == 1) return logits;
  std::int64_t widest = 0;
  for (const Range& ids : held) widest = std::max(widest, ids.size());
  const at::Tensor all = gather_over(
      *head_->ranks, at::constant_pad_nd(logits, {0, widest - logits.size(1)}), "logits");
  std::vector<at::Tensor> columns;
  for (std::size_t rank = 0; rank < held.size(); ++rank) {
    columns.push_back(all[static_cast<std::int64_t>(rank)].narrow(1, 0, held[rank].size()));
  }
  return at::cat(columns, 1);
}

at::Tensor TargetScores::gradient_of_product(std::size_t range, std::size_t part,
                                             at::Tensor product, const at::Tensor& grad) const {
  const Chunk& chunk = chunks_[range];
  if (const DevicePath* const path = device_path(product)) {
    logit_gradient_on(*path, chunk, part, product, grad);
    return product;
  }
  return logit_gradient(chunk, part, capped(product), grad).to(product.scalar_type());
}

// Returns d loss / d logit = grad of the targets at the logit - probability * sum of the row's
// grads, times the slope of the softcap.
at::Tensor TargetScores::logit_gradient(const Chunk& chunk, std::size_t part, at::Tensor logits,
                                        const at::Tensor& grad) const {
  const at::Tensor of_targets = grad.narrow(0, chunk.first_target, chunk.targets);
  at::Tensor factors = at::zeros({chunk.rows}, grad.options());
  factors.index_add_(0, chunk.row_of, of_targets, -1);
  const at::Tensor& maxima = chunk.maxima[part];
  factors.mul_((maxima - chunk.normalisers).exp_());
  const auto by_row = [&](const at::Tensor& values) { return values.to(wide_).unsqueeze(-1); };
  const at::Tensor slope =
      head_->softcap ? ops::softcap_slope(logits, *head_->softcap) : at::Tensor();
  logits.sub_(by_row(maxima)).exp_().mul_(by_row(factors));
  const Places& places = chunk.places[part];
  if (places.targets.numel() > 0) {
    logits.view(-1).index_add_(0, places.flat,
                               of_targets.index_select(0, places.targets).to(wide_));
  }
  return slope.defined() ? logits.mul_(slope) : logits;
}

}  // namespace incipit::nn
