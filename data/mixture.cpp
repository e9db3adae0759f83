#include "data/mixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/check.h"

namespace incipit::data {
namespace {

constexpr double kParts = 1e6;  // of the largest weight, for weights that are not integers

std::int64_t counted(std::int64_t size, std::int64_t max_size) {
  return max_size > 0 ? std::min(size, max_size) : size;
}

}  // namespace

std::vector<std::int64_t> mixture_weights(const MixtureOptions& options,
                                          std::span<const std::int64_t> sizes) {
  if (options.sampling == Sampling::kEven) return std::vector<std::int64_t>(sizes.size(), 1);
  std::vector<std::int64_t> weights;
  for (const std::int64_t size : sizes) weights.push_back(counted(size, options.max_size));
  if (options.sampling == Sampling::kSize || weights.empty()) return weights;
  const auto largest = static_cast<double>(*std::max_element(weights.begin(), weights.end()));
  for (std::int64_t& weight : weights) {
    const double share = static_cast<double>(weight) / largest;
    const double part = kParts * std::pow(share, 1 / options.temperature);
    weight = std::max<std::int64_t>(1, std::llround(part));
  }
  return weights;
}

Interleaving::Interleaving(std::vector<std::int64_t> weights)
    : weights_(std::move(weights)), taken_(weights_.size(), 0), owed_(weights_.size(), 0) {
  INCIPIT_CHECK(!weights_.empty(), "a mixture of no tasks");
  std::int64_t common = 0;
  for (const std::int64_t weight : weights_) {
    INCIPIT_CHECK(weight > 0, "a task of weight ", weight);
    common = std::gcd(common, weight);
  }
  for (std::int64_t& weight : weights_) weight /= common;
  total_ = std::accumulate(weights_.begin(), weights_.end(), std::int64_t{0});
}

std::vector<Turn> Interleaving::turns(std::int64_t position, std::int64_t count) {
  if (position != position_) go_to(position);
  std::vector<Turn> turns;
  turns.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) turns.push_back(next());
  return turns;
}

// After every `total_` samples each task has had exactly its weight in turns, and the order
// repeats.
void Interleaving::go_to(std::int64_t position) {
  const std::int64_t rounds = position / total_;
  for (std::size_t i = 0; i < weights_.size(); ++i) taken_[i] = rounds * weights_[i];
  std::fill(owed_.begin(), owed_.end(), 0);
  position_ = rounds * total_;
  while (position_ < position) (void)next();
}

// Of the tasks that may take a turn without getting too far ahead, chooses the one that would be
// the first to fall too far behind. Too far is 1 - 1 / `limit` turns.
Turn Interleaving::next() {
  const auto limit = std::max<std::int64_t>(1, 2 * static_cast<std::int64_t>(weights_.size()) - 2);
  std::size_t best = weights_.size();
  double soonest = 0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    owed_[i] += weights_[i];
    if (limit * owed_[i] < total_) continue;
    const double left = static_cast<double>((limit - 1) * total_ - limit * owed_[i]) /
                        static_cast<double>(weights_[i]);
    if (best == weights_.size() || left < soonest) {
      best = i;
      soonest = left;
    }
  }
  INCIPIT_CHECK(best < weights_.size(), "no task's turn");
  owed_[best] -= total_;
  ++position_;
  return {static_cast<int>(best), taken_[best]++};
}

MixtureSampler::MixtureSampler(std::vector<Sampler> tasks, std::vector<std::int64_t> weights)
    : tasks_(std::move(tasks)), interleaving_(std::move(weights)) {}

std::vector<MixtureSampler::Draw> MixtureSampler::batch(std::int64_t position, std::int64_t count) {
  std::vector<Draw> draws;
  draws.reserve(static_cast<std::size_t>(count));
  for (const Turn& turn : interleaving_.turns(position, count)) {
    draws.push_back({turn.task, tasks_[turn.task].batch(turn.sample, 1).front()});
  }
  return draws;
}

}  // namespace incipit::data
