#include "nn/scores.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <iterator>
#include <utility>

namespace incipit::nn {

Scores::Scores(std::vector<Target> targets, at::ScalarType wide, at::Device device)
    : wide_(wide), device_(device), targets_(std::move(targets)) {
  for (const Target& target : targets_) {
    if (rows_.empty() || rows_.back() != target.row) rows_.push_back(target.row);
    slot_.push_back(static_cast<std::int64_t>(rows_.size()) - 1);
  }
}

void Scores::clear_results() {
  const at::TensorOptions options = at::TensorOptions(device_).dtype(wide_);
  log_likelihoods_ = at::zeros({std::ssize(targets_)}, options);
  argmax_ = at::empty({0}, options.dtype(at::kLong));
}

}  // namespace incipit::nn
