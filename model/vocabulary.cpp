#include "model/vocabulary.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/max.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "model/collectives.h"

namespace incipit::model {
namespace {

// Logits exist for this many rows at a time.
constexpr std::int64_t kHeadRows = 256;

std::vector<double> on_host(const at::Tensor& values) {
  const at::Tensor wide = values.to(at::kCPU, at::kDouble).contiguous();
  return {wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel()};
}

at::Tensor on_device(const Backbone& backbone, const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(backbone.device());
}

at::Tensor on_device(const Backbone& backbone, const std::vector<double>& values) {
  return at::tensor(values, at::kDouble)
      .to(backbone.device(), ops::accumulate_type(backbone.dtype()));
}

std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

}  // namespace

at::Tensor embed_tokens(const Backbone& backbone, std::span<const TokenId> ids) {
  const Range& held = backbone.partition().share.vocabulary;
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> absent;  // places in `ids`
  for (const TokenId id : ids) {
    const bool is_held = id >= held.begin && id < held.end;
    if (!is_held) absent.push_back(static_cast<std::int64_t>(rows.size()));
    rows.push_back(is_held ? id - held.begin : 0);
  }
  at::Tensor x = backbone.embedding().index_select(0, on_device(backbone, rows));
  if (!absent.empty()) x.index_fill_(0, on_device(backbone, absent), 0);
  sum_over(*backbone.placement().tensor, x, "embedding");
  return x;
}

TargetScores::TargetScores(const Backbone& backbone, std::vector<Target> targets)
    : backbone_(&backbone), targets_(std::move(targets)) {
  for (const Target& target : targets_) {
    if (rows_.empty() || rows_.back() != target.row) rows_.push_back(target.row);
    slot_.push_back(static_cast<std::int64_t>(rows_.size()) - 1);
  }
  log_likelihoods_ = at::zeros({static_cast<std::int64_t>(targets_.size())},
                               ops::accumulate_type(backbone.dtype()));
}

std::vector<TargetScores::Chunk> TargetScores::chunks() const {
  std::vector<Chunk> chunks;
  const auto rows = static_cast<std::int64_t>(rows_.size());
  const auto first_target_at = [&](std::int64_t slot) {
    return std::lower_bound(slot_.begin(), slot_.end(), slot) - slot_.begin();
  };
  for (std::int64_t row = 0; row < rows; row += kHeadRows) {
    const std::int64_t count = std::min(kHeadRows, rows - row);
    chunks.push_back({.first_row = row,
                      .rows = count,
                      .first_target = first_target_at(row),
                      .end_target = first_target_at(row + count)});
  }
  return chunks;
}

TargetScores::Places TargetScores::held_targets(const Chunk& chunk) const {
  const Range& held = backbone_->partition().share.vocabulary;
  Places places;
  for (std::int64_t t = chunk.first_target; t < chunk.end_target; ++t) {
    const TokenId id = targets_[t].id;
    if (id < held.begin || id >= held.end) continue;
    places.targets.push_back(t);
    places.flat.push_back((slot_[t] - chunk.first_row) * held.size() + id - held.begin);
  }
  return places;
}

at::Tensor TargetScores::local_logits(const at::Tensor& normal) const {
  return backbone_->head().forward(normal).to(ops::accumulate_type(backbone_->dtype()));
}

void TargetScores::forward(const at::Tensor& last, bool keep_logits) {
  std::vector<at::Tensor> kept;
  for (const Chunk& chunk : chunks()) {
    at::Tensor r;
    const at::Tensor logits =
        local_logits(ops::rms_norm(last.narrow(0, chunk.first_row, chunk.rows),
                                   backbone_->final_norm(), backbone_->config().rms_norm_eps, r));
    score(chunk, logits);
    if (keep_logits) kept.push_back(gather_columns(logits));
  }
  log_likelihoods_ = at::tensor(likelihoods_, at::kDouble).to(log_likelihoods_.scalar_type());
  if (!kept.empty()) logits_ = kept.size() == 1 ? kept.front() : at::cat(kept);
}

// Ranks tell each other, of every row, the normaliser, the largest logit and its id in their part
// of the vocabulary, and the logits of the targets in it.
void TargetScores::score(const Chunk& chunk, const at::Tensor& logits) {
  comm::Communicator& ranks = *backbone_->placement().tensor;
  std::vector<double> mine;
  const auto append = [&](const at::Tensor& by_row) {
    const std::vector<double> numbers = on_host(by_row);
    mine.insert(mine.end(), numbers.begin(), numbers.end());
  };
  const auto [largest, column] = at::max(logits, -1);
  append(at::logsumexp(logits, -1));
  append(largest);
  append(column + backbone_->partition().share.vocabulary.begin);
  local_maxima_.insert(local_maxima_.end(), mine.begin() + chunk.rows,
                       mine.begin() + 2 * chunk.rows);

  const Places held = held_targets(chunk);
  const std::vector<double> held_logits =
      on_host(logits.view(-1).index_select(0, on_device(*backbone_, held.flat)));
  mine.resize(static_cast<std::size_t>(3 * chunk.rows + chunk.targets()), 0.0);
  for (std::size_t i = 0; i < held_logits.size(); ++i) {
    mine[3 * chunk.rows + held.targets[i] - chunk.first_target] = held_logits[i];
  }
  std::vector<double> all(mine.size() * static_cast<std::size_t>(ranks.size()));
  ranks.all_gather(std::as_bytes(std::span<const double>(mine)),
                   std::as_writable_bytes(std::span(all)), "scores of the vocabulary");
  combine(chunk, all);
}

void TargetScores::combine(const Chunk& chunk, const std::vector<double>& all) {
  const std::int64_t size = 3 * chunk.rows + chunk.targets();
  const std::int64_t ranks = static_cast<std::int64_t>(all.size()) / size;
  std::vector<TokenId> likeliest;
  for (std::int64_t row = 0; row < chunk.rows; ++row) {
    const auto normaliser = [&](std::int64_t rank) { return all[rank * size + row]; };
    const auto largest = [&](std::int64_t rank) { return all[rank * size + chunk.rows + row]; };
    double top = normaliser(0);
    std::int64_t best = 0;
    for (std::int64_t rank = 1; rank < ranks; ++rank) {
      top = std::max(top, normaliser(rank));
      if (largest(rank) > largest(best)) best = rank;
    }
    double sum = 0;
    for (std::int64_t rank = 0; rank < ranks; ++rank) sum += std::exp(normaliser(rank) - top);
    normalisers_.push_back(top + std::log(sum));
    likeliest.push_back(static_cast<TokenId>(all[best * size + 2 * chunk.rows + row]));
  }
  for (std::int64_t i = 0; i < chunk.targets(); ++i) {
    double logit = 0;  // of the rank that holds it; the others have 0
    for (std::int64_t rank = 0; rank < ranks; ++rank) {
      logit += all[rank * size + 3 * chunk.rows + i];
    }
    const std::int64_t slot = slot_[chunk.first_target + i];
    likelihoods_.push_back(logit - normalisers_[slot]);
    argmax_.push_back(likeliest[slot - chunk.first_row]);
  }
}

at::Tensor TargetScores::gather_columns(const at::Tensor& logits) const {
  comm::Communicator& ranks = *backbone_->placement().tensor;
  if (ranks.size() == 1) return logits;
  const auto shares = split_tensor(backbone_->config(), ranks.size());
  const auto held = [&](int rank) { return shares[rank].vocabulary.size(); };
  std::int64_t widest = 0;
  for (int rank = 0; rank < ranks.size(); ++rank) widest = std::max(widest, held(rank));
  const at::Tensor mine =
      at::constant_pad_nd(logits.cpu(), {0, widest - logits.size(1)}).contiguous();
  const at::Tensor all = at::empty({ranks.size(), logits.size(0), widest}, mine.options());
  ranks.all_gather(bytes_of(mine), bytes_of(all), "logits");
  std::vector<at::Tensor> parts;
  for (int rank = 0; rank < ranks.size(); ++rank) {
    parts.push_back(all.select(0, rank).narrow(1, 0, held(rank)));
  }
  return at::cat(parts, 1).to(logits.device());
}

at::Tensor TargetScores::backward(const at::Tensor& last, std::span<const double> grad) const {
  at::Tensor grad_last = at::zeros(last.sizes(), last.options());
  for (const Chunk& chunk : chunks()) {
    const at::Tensor x = last.narrow(0, chunk.first_row, chunk.rows);
    at::Tensor r;
    const at::Tensor normal =
        ops::rms_norm(x, backbone_->final_norm(), backbone_->config().rms_norm_eps, r);
    const at::Tensor grad_logits = logit_gradient(chunk, local_logits(normal), grad);
    at::Tensor grad_x = grad_last.narrow(0, chunk.first_row, chunk.rows);
    ops::rms_norm_backward_add(backbone_->head().backward(grad_logits.to(last.scalar_type())), x,
                               backbone_->final_norm(), r, grad_x);
  }
  return grad_last;
}

// d loss / d logit = grad of the targets there - probability * sum of the row's grads.
at::Tensor TargetScores::logit_gradient(const Chunk& chunk, at::Tensor logits,
                                        std::span<const double> grad) const {
  std::vector<double> factors(static_cast<std::size_t>(chunk.rows), 0.0);
  for (std::int64_t t = chunk.first_target; t < chunk.end_target; ++t) {
    factors[slot_[t] - chunk.first_row] -= grad[t];
  }
  std::vector<double> maxima;
  for (std::int64_t row = 0; row < chunk.rows; ++row) {
    const std::int64_t slot = chunk.first_row + row;
    maxima.push_back(local_maxima_[slot]);
    factors[row] *= std::exp(local_maxima_[slot] - normalisers_[slot]);
  }
  const auto by_row = [&](const std::vector<double>& values) {
    return on_device(*backbone_, values).unsqueeze(-1);
  };
  logits.sub_(by_row(maxima)).exp_().mul_(by_row(factors));

  const Places held = held_targets(chunk);
  std::vector<double> held_grad;
  for (const std::int64_t t : held.targets) held_grad.push_back(grad[t]);
  logits.view(-1).index_add_(0, on_device(*backbone_, held.flat), on_device(*backbone_, held_grad));
  return logits;
}

}  // namespace incipit::model
