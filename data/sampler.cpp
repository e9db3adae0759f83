#include "data/sampler.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"
#include "core/random.h"

namespace incipit::data {
namespace {

constexpr std::uint64_t kOrderStream = 0x6f72646572;  // "order": random stream of the order

}  // namespace

Sampler::Sampler(const std::vector<std::int64_t>& groups, std::uint64_t seed, bool shuffle)
    : seed_(mix_seed(seed, kOrderStream)), shuffle_(shuffle) {
  INCIPIT_CHECK(!groups.empty(), "there are no examples to draw from");
  const auto highest = *std::max_element(groups.begin(), groups.end());
  std::vector<std::int64_t> number(static_cast<std::size_t>(highest) + 1, -1);
  first_.push_back(0);
  for (const std::int64_t group : groups) {
    INCIPIT_CHECK(group >= 0);
    if (number[group] < 0) {
      number[group] = static_cast<std::int64_t>(first_.size()) - 1;
      first_.push_back(0);
    }
    ++first_[number[group] + 1];
  }
  std::partial_sum(first_.begin(), first_.end(), first_.begin());
  members_.resize(groups.size());
  std::vector<std::int64_t> next(first_.begin(), first_.end() - 1);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    members_[next[number[groups[i]]]++] = static_cast<std::int64_t>(i);
  }
}

std::vector<std::int64_t> Sampler::order(std::int64_t epoch) const {
  std::vector<std::int64_t> order;
  order.reserve(members_.size());
  if (!shuffle_) {
    order.resize(members_.size());
    std::iota(order.begin(), order.end(), 0);
    return order;
  }
  std::vector<std::size_t> groups(first_.size() - 1);
  std::iota(groups.begin(), groups.end(), 0);
  Random random(seed_, static_cast<std::uint64_t>(epoch));
  random.shuffle(std::span(groups));
  for (const std::size_t group : groups) {
    order.insert(order.end(), members_.begin() + first_[group],
                 members_.begin() + first_[group + 1]);
  }
  return order;
}

std::vector<std::int64_t> Sampler::batch(std::int64_t position, std::int64_t count) {
  std::vector<std::int64_t> indices;
  indices.reserve(static_cast<std::size_t>(count));
  for (std::int64_t sample = position; sample < position + count; ++sample) {
    const std::int64_t epoch = sample / size();
    if (epoch != cached_epoch_) {
      cached_order_ = order(epoch);
      cached_epoch_ = epoch;
    }
    indices.push_back(cached_order_[sample % size()]);
  }
  return indices;
}

std::vector<std::vector<std::int64_t>> split_over_ranks(std::span<const std::int64_t> lengths,
                                                        int world) {
  INCIPIT_CHECK(world > 0);
  std::vector<std::int64_t> places(lengths.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(),
                   [&](std::int64_t a, std::int64_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<std::int64_t>> ranks(world);
  std::vector<std::int64_t> load(world, 0);
  for (const std::int64_t place : places) {
    std::size_t best = 0;
    for (std::size_t rank = 1; rank < ranks.size(); ++rank) {
      const auto key = [&](std::size_t r) { return std::pair(load[r], ranks[r].size()); };
      if (key(rank) < key(best)) best = rank;
    }
    ranks[best].push_back(place);
    load[best] += lengths[place];
  }
  for (auto& rank : ranks) std::sort(rank.begin(), rank.end());
  return ranks;
}

std::vector<std::int64_t> split_by_tokens(std::span<const std::int64_t> lengths,
                                          std::int64_t max_tokens) {
  std::vector<std::int64_t> begins{0};
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    if (tokens > 0 && tokens + lengths[i] > max_tokens) {
      begins.push_back(static_cast<std::int64_t>(i));
      tokens = 0;
    }
    tokens += lengths[i];
  }
  if (!lengths.empty()) begins.push_back(static_cast<std::int64_t>(lengths.size()));
  return begins;
}

}  // namespace incipit::data
