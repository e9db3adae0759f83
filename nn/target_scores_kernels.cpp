#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <iterator>

#include "nn/collectives.h"
#include "nn/device_path.h"
#include "nn/target_scores.h"

namespace incipit::nn {
namespace {

constexpr std::int64_t kScoresOfRow = 3;  // log-sum-exp, largest logit, its id

}  // namespace

void TargetScores::forward_on(const DevicePath& path, const at::Tensor& last, bool keep_logits) {
  const std::vector<VocabularyTable::Chunk>& parts = head_->table.chunks;
  const auto part_count = static_cast<std::int64_t>(parts.size());
  const at::TensorOptions options = last.options();
  std::vector<at::Tensor> numbers;  // by chunk: [parts, numbers that ranks exchange]
  for (const Chunk& chunk : chunks_) {
    numbers.push_back(at::empty({part_count, kScoresOfRow * chunk.rows + chunk.targets},
                                options.dtype(at::kDouble)));
  }
  std::vector<at::Tensor> kept;
  NormStatistics unused;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const WeightStore::Use use = head_->weights->use(parts[part].group);
    const Linear projection = this->projection(part);
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
      const at::Tensor product = projection.forward(normal(last, chunks_[c], unused));
      score(path, chunks_[c], part, product, numbers[c][static_cast<std::int64_t>(part)]);
      if (keep_logits) kept.push_back(gather_columns(capped(product)));
    }
  }
  log_likelihoods_ = at::empty({std::ssize(targets_)}, options.dtype(at::kFloat));
  argmax_ = at::empty({std::ssize(targets_)}, options.dtype(at::kLong));
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    combine_on(path, chunks_[c],
               gather_over(*head_->ranks, numbers[c], "scores of the vocabulary"));
  }
  if (!kept.empty()) logits_ = kept.size() == 1 ? kept.front() : at::cat(kept);
}

// Writes the numbers of one part of the vocabulary to `numbers`.
void TargetScores::score(const DevicePath& path, const Chunk& chunk, std::size_t part,
                         const at::Tensor& logits, const at::Tensor& numbers) const {
  launch(
      path, logits, path.kernels->score_rows,
      kernels::cuda::ScoreRows{.rows = chunk.rows,
                               .columns = logits.size(1),
                               .targets = chunk.targets,
                               .logits = input_of(logits),
                               .softcap = static_cast<float>(head_->softcap.value_or(0)),
                               .first_id = head_->table.chunks[part].ids.begin,
                               .first_target = chunk.first_target_of.const_data_ptr<std::int32_t>(),
                               .target_id = chunk.ids.const_data_ptr<std::int64_t>(),
                               .numbers = numbers.mutable_data_ptr<double>()});
}

// `numbers` has those of all parts of all ranks.
void TargetScores::combine_on(const DevicePath& path, Chunk& chunk, const at::Tensor& numbers) {
  chunk.normalisers = at::empty({chunk.rows}, numbers.options());
  launch(path, log_likelihoods_, path.kernels->combine_scores,
         kernels::cuda::CombineScores{
             .rows = chunk.rows,
             .targets = chunk.targets,
             .parts = numbers.size(0) * numbers.size(1),
             .first_target = chunk.first_target_of.const_data_ptr<std::int32_t>(),
             .numbers = numbers.const_data_ptr<double>(),
             .normalisers = chunk.normalisers.mutable_data_ptr<double>(),
             .log_likelihoods = log_likelihoods_.mutable_data_ptr<float>() + chunk.first_target,
             .argmax = argmax_.mutable_data_ptr<std::int64_t>() + chunk.first_target});
}

// Turns logits of one part of the vocabulary into their gradient, in place.
void TargetScores::logit_gradient_on(const DevicePath& path, const Chunk& chunk, std::size_t part,
                                     const at::Tensor& logits, const at::Tensor& grad) const {
  const at::Tensor of_targets = grad.narrow(0, chunk.first_target, chunk.targets).contiguous();
  launch(path, logits, path.kernels->logit_gradient,
         kernels::cuda::LogitGradient{
             .rows = chunk.rows,
             .columns = logits.size(1),
             .logits = output_of(logits),
             .softcap = static_cast<float>(head_->softcap.value_or(0)),
             .first_id = head_->table.chunks[part].ids.begin,
             .first_target = chunk.first_target_of.const_data_ptr<std::int32_t>(),
             .target_id = chunk.ids.const_data_ptr<std::int64_t>(),
             .grad = of_targets.const_data_ptr<double>(),
             .normalisers = chunk.normalisers.const_data_ptr<double>()});
}

}  // namespace incipit::nn
