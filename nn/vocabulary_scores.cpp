#include "nn/vocabulary_scores.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "nn/flops.h"
#include "nn/ops.h"

namespace incipit::nn {
namespace {

// Logits exist for this many rows at a time.
constexpr std::int64_t kHeadRows = 256;

}  // namespace

VocabularyScores::VocabularyScores(const Head* head, at::ScalarType compute, at::Device device,
                                   std::vector<Target> targets)
    : Scores(std::move(targets), ops::accumulate_type(compute), device), head_(head) {
  const std::int64_t rows = head_ ? std::ssize(rows_) : 0;
  for (std::int64_t row = 0; row < rows; row += kHeadRows) {
    ranges_.push_back({row, std::min(kHeadRows, rows - row)});
  }
}

at::Tensor VocabularyScores::normal(const at::Tensor& last, const RowRange& range,
                                    NormStatistics& statistics) const {
  return head_->norm.forward(last.narrow(0, range.first_row, range.rows), statistics);
}

Linear VocabularyScores::projection(std::size_t part) const {
  return {*head_->table.chunks[part].rows, nullptr, Linear::Split::kOutputs, *head_->ranks};
}

at::Tensor VocabularyScores::logits_of(const Linear& projection, const at::Tensor& normal) const {
  return capped(projection.forward(normal));
}

at::Tensor VocabularyScores::capped(const at::Tensor& product) const {
  at::Tensor logits = product.to(wide_);
  return head_->softcap ? ops::softcap_(logits, *head_->softcap) : logits;
}

at::Tensor VocabularyScores::backward(const at::Tensor& last, const at::Tensor& grad) const {
  std::vector<at::Tensor> grad_normal(ranges_.size());
  std::vector<NormStatistics> statistics(ranges_.size());
  for (std::size_t part = 0; part < head_->table.chunks.size(); ++part) {
    const WeightStore::Use use =
        head_->weights->use(head_->table.chunks[part].group, WeightStore::Pass::kBackward);
    const Linear projection = this->projection(part);
    for (std::size_t r = 0; r < ranges_.size(); ++r) {
      const at::Tensor x = normal(last, ranges_[r], statistics[r]);
      at::Tensor product = [&] {
        const Recomputation scope;
        return projection.forward(x);
      }();
      const at::Tensor gradient = gradient_of_product(r, part, std::move(product), grad);
      at::Tensor sum = projection.backward(gradient, x);
      if (grad_normal[r].defined()) {
        ops::add_(grad_normal[r], sum);
      } else {
        grad_normal[r] = std::move(sum);
      }
    }
  }
  at::Tensor grad_last = at::empty(last.sizes(), last.options());
  for (std::size_t r = 0; r < ranges_.size(); ++r) {
    const auto& [first, rows] = ranges_[r];
    head_->norm.backward(grad_normal[r], last.narrow(0, first, rows), statistics[r],
                         grad_last.narrow(0, first, rows));
  }
  return grad_last;
}

}  // namespace incipit::nn
