// With logits t of the teacher and s of the student, and their log-sum-exps T and S,
//
//   KL(teacher || student) = sum_v exp(t_v - T) (t_v - s_v)  -  T + S
//
// A part of the vocabulary contributes its own log-sum-exps and the sum under the teacher's
// probabilities within the part. Combining the parts weights these sums by exp(T_part - T).
#include "nn/divergence_scores.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/zeros.h>

#include <iterator>
#include <utility>

#include "core/check.h"
#include "nn/collectives.h"
#include "nn/flops.h"
#include "nn/host_copy.h"
#include "nn/ops.h"

namespace incipit::nn {
namespace {

// Numbers of a row and a part of the vocabulary that ranks exchange.
enum : std::int64_t { kOfTeacher, kOfStudent, kDifference, kDivergenceNumbers };

// Returns the numbers of a part, [3 rows] float64, from the logits of both, [rows, ids].
at::Tensor part_numbers(const at::Tensor& teacher, const at::Tensor& student) {
  const at::Tensor of_teacher = at::logsumexp(teacher, -1, /*keepdim=*/true);
  const at::Tensor probabilities = (teacher - of_teacher).exp_();
  const at::Tensor difference =
      teacher.sub(student).mul_(probabilities).sum(-1, /*keepdim=*/false, at::kDouble);
  return at::cat({of_teacher.squeeze(-1).to(at::kDouble),
                  at::logsumexp(student, -1).to(at::kDouble), difference});
}

}  // namespace

DivergenceScores::DivergenceScores(const Head& head, at::ScalarType compute, at::Device device,
                                   std::vector<Target> targets, const at::Tensor& teacher)
    : VocabularyScores(&head, compute, device, std::move(targets)) {
  INCIPIT_CHECK(teacher.size(0) == std::ssize(targets_), "a teacher's row for every target");
  std::vector<std::int64_t> first;  // target of each row
  for (std::size_t t = 0; t < slot_.size(); ++t) {
    if (t == 0 || slot_[t] != slot_[t - 1]) first.push_back(static_cast<std::int64_t>(t));
  }
  clear_results();
  row_of_ = upload(slot_, device);
  teacher_ = teacher.index_select(0, upload(first, device));
}

std::vector<std::int64_t> DivergenceScores::shape() const {
  return {std::ssize(targets_), std::ssize(rows_)};
}

void DivergenceScores::forward(const at::Tensor& last, bool keep_logits) {
  INCIPIT_CHECK(!keep_logits, "logits of a pass with a teacher");
  const std::vector<VocabularyTable::Chunk>& parts = head_->table.chunks;
  std::vector<std::vector<at::Tensor>> numbers(ranges_.size());
  NormStatistics unused;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const WeightStore::Use use = head_->weights->use(parts[part].group);
    const Linear projection = this->projection(part);
    for (std::size_t r = 0; r < ranges_.size(); ++r) {
      numbers[r].push_back(part_numbers(logits_of(projection, normal(teacher_, ranges_[r], unused)),
                                        logits_of(projection, normal(last, ranges_[r], unused))));
    }
  }
  if (ranges_.empty()) return;
  teacher_normalisers_.clear();
  normalisers_.clear();
  std::vector<at::Tensor> divergences;
  for (std::size_t r = 0; r < ranges_.size(); ++r) {
    const at::Tensor all =
        gather_over(*head_->ranks, at::cat(numbers[r]), "scores of the vocabulary");
    divergences.push_back(combine(all.view({-1, kDivergenceNumbers, ranges_[r].rows})));
  }
  log_likelihoods_ = at::cat(divergences).index_select(0, row_of_).neg_().to(wide_);
}

// `numbers` [parts, 3, rows]
at::Tensor DivergenceScores::combine(const at::Tensor& numbers) {
  const at::Tensor of_teacher = numbers.select(1, kOfTeacher);
  const at::Tensor whole = at::logsumexp(of_teacher, 0);
  teacher_normalisers_.push_back(whole);
  normalisers_.push_back(at::logsumexp(numbers.select(1, kOfStudent), 0));
  return (of_teacher - whole)
      .exp_()
      .mul_(numbers.select(1, kDifference))
      .sum(0)
      .sub_(whole)
      .add_(normalisers_.back());
}

// Returns d loss / d logit = (teacher's probability - probability) * sum of the row's grads, times
// the slope of the softcap.
at::Tensor DivergenceScores::gradient_of_product(std::size_t range, std::size_t part,
                                                 at::Tensor product, const at::Tensor& grad) const {
  const at::ScalarType compute = product.scalar_type();
  const RowRange& own = ranges_[range];
  const at::Tensor factors = at::zeros({std::ssize(rows_)}, grad.options())
                                 .index_add_(0, row_of_, grad)
                                 .narrow(0, own.first_row, own.rows);
  const auto by_row = [&](const at::Tensor& values) { return values.to(wide_).unsqueeze(-1); };
  at::Tensor probabilities = capped(product);
  const at::Tensor slope =
      head_->softcap ? ops::softcap_slope(probabilities, *head_->softcap) : at::Tensor();
  probabilities.sub_(by_row(normalisers_[range])).exp_();
  at::Tensor gradient = [&] {
    const Recomputation scope;
    NormStatistics unused;
    return logits_of(projection(part), normal(teacher_, own, unused));
  }();
  gradient.sub_(by_row(teacher_normalisers_[range])).exp_();
  gradient.sub_(probabilities).mul_(by_row(factors));
  if (slope.defined()) gradient.mul_(slope);
  return gradient.to(compute);
}

}  // namespace incipit::nn
