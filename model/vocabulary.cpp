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

#include "nn/collectives.h"

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
      .to(backbone.device(), nn::ops::accumulate_type(backbone.dtype()));
}

}  // namespace

at::Tensor embed_tokens(const Backbone& backbone, std::span<const TokenId> ids) {
  at::Tensor x;
  for (int piece = 0; piece < backbone.piece_count(); ++piece) {
    const Range held = backbone.piece(piece);
    const at::Tensor table = backbone.embedding(piece);
    std::vector<std::int64_t> rows;
    std::vector<std::int64_t> places;  // indices into `ids`
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < held.begin || ids[i] >= held.end) continue;
      places.push_back(static_cast<std::int64_t>(i));
      rows.push_back(ids[i] - held.begin);
    }
    at::Tensor found = table.index_select(0, on_device(backbone, rows));
    if (places.size() == ids.size()) {
      x = std::move(found);
      continue;
    }
    if (!x.defined()) {
      x = at::zeros({static_cast<std::int64_t>(ids.size()), table.size(1)}, table.options());
    }
    x.index_copy_(0, on_device(backbone, places), found);
  }
  nn::sum_over(*backbone.placement().tensor, x, "embedding");
  return x;
}

TargetScores::TargetScores(const Backbone& backbone, std::vector<Target> targets)
    : backbone_(&backbone), targets_(std::move(targets)) {
  for (const Target& target : targets_) {
    if (rows_.empty() || rows_.back() != target.row) rows_.push_back(target.row);
    slot_.push_back(static_cast<std::int64_t>(rows_.size()) - 1);
  }
  log_likelihoods_ = at::zeros({static_cast<std::int64_t>(targets_.size())},
                               nn::ops::accumulate_type(backbone.dtype()));
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

TargetScores::Places TargetScores::held_targets(const Chunk& chunk, const Range& held) const {
  Places places;
  for (std::int64_t t = chunk.first_target; t < chunk.end_target; ++t) {
    const TokenId id = targets_[t].id;
    if (id < held.begin || id >= held.end) continue;
    places.targets.push_back(t);
    places.flat.push_back((slot_[t] - chunk.first_row) * held.size() + id - held.begin);
  }
  return places;
}

at::Tensor TargetScores::normal(const at::Tensor& last, const Chunk& chunk, at::Tensor& r) const {
  return nn::ops::rms_norm(last.narrow(0, chunk.first_row, chunk.rows), backbone_->final_norm(),
                           backbone_->config().rms_norm_eps, r);
}

void TargetScores::forward(const at::Tensor& last, bool keep_logits) {
  const std::vector<Chunk> chunks = this->chunks();
  const auto type = nn::ops::accumulate_type(backbone_->dtype());
  std::vector<std::vector<double>> told(chunks.size());
  std::vector<at::Tensor> kept;
  at::Tensor r;
  for (int piece = 0; piece < backbone_->piece_count(); ++piece) {
    const nn::Linear& head = backbone_->head(piece);
    local_maxima_.emplace_back();
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      const at::Tensor logits = head.forward(normal(last, chunks[c], r)).to(type);
      tell(chunks[c], piece, logits, told[c]);
      if (keep_logits) kept.push_back(gather_columns(logits));
    }
  }
  comm::Communicator& ranks = *backbone_->placement().tensor;
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    std::vector<double> all(told[c].size() * static_cast<std::size_t>(ranks.size()));
    ranks.all_gather(std::as_bytes(std::span<const double>(told[c])),
                     std::as_writable_bytes(std::span(all)), "scores of the vocabulary");
    combine(chunks[c], all);
  }
  log_likelihoods_ = at::tensor(likelihoods_, at::kDouble).to(log_likelihoods_.scalar_type());
  if (!kept.empty()) logits_ = kept.size() == 1 ? kept.front() : at::cat(kept);
}

// Appends the numbers that ranks exchange for a chunk of the vocabulary: the log-sum-exp, the
// largest logit and its id for every row, and the logits of the targets in it.
void TargetScores::tell(const Chunk& chunk, int piece, const at::Tensor& logits,
                        std::vector<double>& told) {
  const auto first = static_cast<std::ptrdiff_t>(told.size());
  const auto append = [&](const at::Tensor& by_row) {
    const std::vector<double> numbers = on_host(by_row);
    told.insert(told.end(), numbers.begin(), numbers.end());
  };
  const Range ids = backbone_->piece(piece);
  const auto [largest, column] = at::max(logits, -1);
  append(at::logsumexp(logits, -1));
  append(largest);
  append(column + ids.begin);
  std::vector<double>& maxima = local_maxima_[piece];
  maxima.insert(maxima.end(), told.begin() + first + chunk.rows,
                told.begin() + first + 2 * chunk.rows);

  const Places held = held_targets(chunk, ids);
  const std::vector<double> held_logits =
      on_host(logits.view(-1).index_select(0, on_device(*backbone_, held.flat)));
  const std::int64_t targets = first + 3 * chunk.rows;
  told.resize(static_cast<std::size_t>(targets + chunk.targets()), 0.0);
  for (std::size_t i = 0; i < held_logits.size(); ++i) {
    told[targets + held.targets[i] - chunk.first_target] = held_logits[i];
  }
}

void TargetScores::combine(const Chunk& chunk, const std::vector<double>& all) {
  const std::int64_t size = 3 * chunk.rows + chunk.targets();
  const std::int64_t parts = static_cast<std::int64_t>(all.size()) / size;  // of the vocabulary
  std::vector<TokenId> likeliest;
  for (std::int64_t row = 0; row < chunk.rows; ++row) {
    const auto normaliser = [&](std::int64_t part) { return all[part * size + row]; };
    const auto largest = [&](std::int64_t part) { return all[part * size + chunk.rows + row]; };
    double top = normaliser(0);
    std::int64_t best = 0;
    for (std::int64_t part = 1; part < parts; ++part) {
      top = std::max(top, normaliser(part));
      if (largest(part) > largest(best)) best = part;
    }
    double sum = 0;
    for (std::int64_t part = 0; part < parts; ++part) sum += std::exp(normaliser(part) - top);
    normalisers_.push_back(top + std::log(sum));
    likeliest.push_back(static_cast<TokenId>(all[best * size + 2 * chunk.rows + row]));
  }
  for (std::int64_t i = 0; i < chunk.targets(); ++i) {
    double logit = 0;  // one part has the target's logit; the others have 0
    for (std::int64_t part = 0; part < parts; ++part) {
      logit += all[part * size + 3 * chunk.rows + i];
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
  ranks.all_gather(nn::bytes_of(mine), nn::bytes_of(all), "logits");
  std::vector<at::Tensor> parts;
  for (int rank = 0; rank < ranks.size(); ++rank) {
    parts.push_back(all.select(0, rank).narrow(1, 0, held(rank)));
  }
  return at::cat(parts, 1).to(logits.device());
}

at::Tensor TargetScores::backward(const at::Tensor& last, std::span<const double> grad) const {
  const std::vector<Chunk> chunks = this->chunks();
  const auto type = nn::ops::accumulate_type(backbone_->dtype());
  std::vector<at::Tensor> grad_normal(chunks.size());
  at::Tensor r;
  for (int piece = 0; piece < backbone_->piece_count(); ++piece) {
    const nn::Linear& head = backbone_->head(piece);
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      const at::Tensor grad_logits =
          logit_gradient(chunks[c], piece, head.forward(normal(last, chunks[c], r)).to(type), grad);
      at::Tensor part = head.backward(grad_logits.to(last.scalar_type()));
      grad_normal[c] = grad_normal[c].defined() ? grad_normal[c].add_(part) : part;
    }
  }
  at::Tensor grad_last = at::zeros(last.sizes(), last.options());
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    (void)normal(last, chunks[c], r);
    at::Tensor grad_x = grad_last.narrow(0, chunks[c].first_row, chunks[c].rows);
    nn::ops::rms_norm_backward_add(grad_normal[c],
                                   last.narrow(0, chunks[c].first_row, chunks[c].rows),
                                   backbone_->final_norm(), r, grad_x);
  }
  return grad_last;
}

// Returns d loss / d logit = grad of the targets at the logit - probability * sum of the row's
// grads.
at::Tensor TargetScores::logit_gradient(const Chunk& chunk, int piece, at::Tensor logits,
                                        std::span<const double> grad) const {
  std::vector<double> factors(static_cast<std::size_t>(chunk.rows), 0.0);
  for (std::int64_t t = chunk.first_target; t < chunk.end_target; ++t) {
    factors[slot_[t] - chunk.first_row] -= grad[t];
  }
  std::vector<double> maxima;
  for (std::int64_t row = 0; row < chunk.rows; ++row) {
    const std::int64_t slot = chunk.first_row + row;
    maxima.push_back(local_maxima_[piece][slot]);
    factors[row] *= std::exp(maxima.back() - normalisers_[slot]);
  }
  const auto by_row = [&](const std::vector<double>& values) {
    return on_device(*backbone_, values).unsqueeze(-1);
  };
  logits.sub_(by_row(maxima)).exp_().mul_(by_row(factors));

  const Places held = held_targets(chunk, backbone_->piece(piece));
  std::vector<double> held_grad;
  for (const std::int64_t t : held.targets) held_grad.push_back(grad[t]);
  logits.view(-1).index_add_(0, on_device(*backbone_, held.flat), on_device(*backbone_, held_grad));
  return logits;
}

}  // namespace incipit::model
