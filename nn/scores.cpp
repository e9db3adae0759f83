#include "nn/scores.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <iterator>
#include <utility>

#include "nn/host_copy.h"

namespace incipit::nn {

Scores::Scores(std::vector<Target> targets, at::ScalarType wide, at::Device device)
    : wide_(wide), device_(device), targets_(std::move(targets)) {
  for (const Target& target : targets_) {
    if (rows_.empty() || rows_.back() != target.row) rows_.push_back(target.row);
    slot_.push_back(static_cast<std::int64_t>(rows_.size()) - 1);
  }
}

at::Tensor Scores::by_target(const at::Tensor& last) const {
  return last.index_select(0, upload(slot_, device_));
}

void Scores::clear_results() {
  const at::TensorOptions options = at::TensorOptions(device_).dtype(wide_);
  log_likelihoods_ = at::zeros({std::ssize(targets_)}, options);
  argmax_ = at::empty({0}, options.dtype(at::kLong));
}

}  // namespace incipit::nn
