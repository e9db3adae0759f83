#include "nn/target_scores.h"

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

#include "core/check.h"
#include "nn/collectives.h"
#include "nn/ops.h"

namespace incipit::nn {
namespace {

// Logits exist for this many rows at a time.
constexpr std::int64_t kHeadRows = 256;

std::vector<double> on_host(const at::Tensor& values) {
  const at::Tensor wide = values.to(at::kCPU, at::kDouble).contiguous();
  return {wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel()};
}

// Return the values as a tensor on the device of `like`; numbers also in its dtype.
at::Tensor like(const at::Tensor& like, const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(like.device());
}
at::Tensor like(const at::Tensor& like, const std::vector<double>& values) {
  return at::tensor(values, at::kDouble).to(like.device(), like.scalar_type());
}

}  // namespace

TargetScores::TargetScores(const Head* head, at::ScalarType compute, std::vector<Target> targets)
    : head_(head), wide_(ops::accumulate_type(compute)), targets_(std::move(targets)) {
  for (const Target& target : targets_) {
    if (rows_.empty() || rows_.back() != target.row) rows_.push_back(target.row);
    slot_.push_back(static_cast<std::int64_t>(rows_.size()) - 1);
  }
  log_likelihoods_ = at::zeros({static_cast<std::int64_t>(targets_.size())}, wide_);
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

at::Tensor TargetScores::normal(const at::Tensor& last, const Chunk& chunk,
                                NormStatistics& statistics) const {
  return head_->norm.forward(last.narrow(0, chunk.first_row, chunk.rows), statistics);
}

Linear TargetScores::projection(std::size_t part) const {
  return {*head_->table.chunks[part].rows, nullptr, Linear::Split::kOutputs, *head_->ranks};
}

void TargetScores::forward(const at::Tensor& last, bool keep_logits) {
  const std::vector<Chunk> chunks = this->chunks();
  const std::vector<VocabularyTable::Chunk>& parts = head_->table.chunks;
  INCIPIT_CHECK(!keep_logits || parts.size() == 1, "logits of a vocabulary in chunks");
  std::vector<std::vector<double>> numbers(chunks.size());
  std::vector<at::Tensor> kept;
  NormStatistics unused;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const WeightStore::Use use = head_->weights->use(parts[part].group);
    const Linear projection = this->projection(part);
    local_maxima_.emplace_back();
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      const at::Tensor logits = projection.forward(normal(last, chunks[c], unused)).to(wide_);
      append_numbers(chunks[c], part, logits, numbers[c]);
      if (keep_logits) kept.push_back(gather_columns(logits));
    }
  }
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    std::vector<double> all(numbers[c].size() * static_cast<std::size_t>(head_->ranks->size()));
    head_->ranks->all_gather(std::as_bytes(std::span<const double>(numbers[c])),
                             std::as_writable_bytes(std::span(all)), "scores of the vocabulary");
    combine(chunks[c], all);
  }
  log_likelihoods_ = at::tensor(likelihoods_, at::kDouble).to(wide_);
  if (!kept.empty()) logits_ = kept.size() == 1 ? kept.front() : at::cat(kept);
}

// Appends the numbers that ranks exchange for a chunk of the vocabulary: the log-sum-exp, the
// largest logit and its id for every row, and the logits of the targets in it.
void TargetScores::append_numbers(const Chunk& chunk, std::size_t part, const at::Tensor& logits,
                                  std::vector<double>& sent) {
  const auto first = static_cast<std::ptrdiff_t>(sent.size());
  const auto append = [&](const at::Tensor& by_row) {
    const std::vector<double> numbers = on_host(by_row);
    sent.insert(sent.end(), numbers.begin(), numbers.end());
  };
  const Range ids = head_->table.chunks[part].ids;
  const auto [largest, column] = at::max(logits, -1);
  append(at::logsumexp(logits, -1));
  append(largest);
  append(column + ids.begin);
  std::vector<double>& maxima = local_maxima_[part];
  maxima.insert(maxima.end(), sent.begin() + first + chunk.rows,
                sent.begin() + first + 2 * chunk.rows);

  const Places held = held_targets(chunk, ids);
  const std::vector<double> held_logits =
      on_host(logits.view(-1).index_select(0, like(logits, held.flat)));
  const std::int64_t targets = first + 3 * chunk.rows;
  sent.resize(static_cast<std::size_t>(targets + chunk.targets()), 0.0);
  for (std::size_t i = 0; i < held_logits.size(); ++i) {
    sent[targets + held.targets[i] - chunk.first_target] = held_logits[i];
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
  comm::Communicator& ranks = *head_->ranks;
  if (ranks.size() == 1) return logits;
  const std::vector<Range>& held = head_->vocabulary;
  std::int64_t widest = 0;
  for (const Range& ids : held) widest = std::max(widest, ids.size());
  const at::Tensor mine =
      at::constant_pad_nd(logits.cpu(), {0, widest - logits.size(1)}).contiguous();
  const at::Tensor all = at::empty({ranks.size(), logits.size(0), widest}, mine.options());
  ranks.all_gather(bytes_of(mine), bytes_of(all), "logits");
  std::vector<at::Tensor> columns;
  for (int rank = 0; rank < ranks.size(); ++rank) {
    columns.push_back(all.select(0, rank).narrow(1, 0, held[rank].size()));
  }
  return at::cat(columns, 1).to(logits.device());
}

at::Tensor TargetScores::backward(const at::Tensor& last, std::span<const double> grad) const {
  const std::vector<Chunk> chunks = this->chunks();
  std::vector<at::Tensor> grad_normal(chunks.size());
  std::vector<NormStatistics> statistics(chunks.size());
  for (std::size_t part = 0; part < head_->table.chunks.size(); ++part) {
    const WeightStore::Use use = head_->weights->use(head_->table.chunks[part].group);
    const Linear projection = this->projection(part);
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      const at::Tensor grad_logits = logit_gradient(
          chunks[c], part, projection.forward(normal(last, chunks[c], statistics[c])).to(wide_),
          grad);
      at::Tensor sum = projection.backward(grad_logits.to(last.scalar_type()));
      grad_normal[c] = grad_normal[c].defined() ? grad_normal[c].add_(sum) : sum;
    }
  }
  at::Tensor grad_last = at::zeros(last.sizes(), last.options());
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    at::Tensor grad_x = grad_last.narrow(0, chunks[c].first_row, chunks[c].rows);
    head_->norm.backward_add(grad_normal[c], last.narrow(0, chunks[c].first_row, chunks[c].rows),
                             statistics[c], grad_x);
  }
  return grad_last;
}

// Returns d loss / d logit = grad of the targets at the logit - probability * sum of the row's
// grads.
at::Tensor TargetScores::logit_gradient(const Chunk& chunk, std::size_t part, at::Tensor logits,
                                        std::span<const double> grad) const {
  std::vector<double> factors(static_cast<std::size_t>(chunk.rows), 0.0);
  for (std::int64_t t = chunk.first_target; t < chunk.end_target; ++t) {
    factors[slot_[t] - chunk.first_row] -= grad[t];
  }
  std::vector<double> maxima;
  for (std::int64_t row = 0; row < chunk.rows; ++row) {
    const std::int64_t slot = chunk.first_row + row;
    maxima.push_back(local_maxima_[part][slot]);
    factors[row] *= std::exp(maxima.back() - normalisers_[slot]);
  }
  const auto by_row = [&](const std::vector<double>& values) {
    return like(logits, values).unsqueeze(-1);
  };
  logits.sub_(by_row(maxima)).exp_().mul_(by_row(factors));

  const Places held = held_targets(chunk, head_->table.chunks[part].ids);
  std::vector<double> held_grad;
  for (const std::int64_t t : held.targets) held_grad.push_back(grad[t]);
  logits.view(-1).index_add_(0, like(logits, held.flat), like(logits, held_grad));
  return logits;
}

}  // namespace incipit::nn
