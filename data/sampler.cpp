#include "data/sampler.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "core/check.h"
#include "core/random.h"

namespace incipit::data {
namespace {

constexpr std::uint64_t kOrderStream = 0x6f72646572;  // "order": apart from other uses of the seed

}  // namespace

Sampler::Sampler(std::vector<std::int64_t> groups, std::uint64_t seed, bool shuffle)
    : group_of_(std::move(groups)), seed_(mix_seed(seed, kOrderStream)), shuffle_(shuffle) {
  INCIPIT_CHECK(!group_of_.empty(), "there are no examples to draw from");
  std::map<std::int64_t, std::size_t> place;
  for (std::size_t i = 0; i < group_of_.size(); ++i) {
    const auto [found, is_new] = place.emplace(group_of_[i], members_.size());
    if (is_new) members_.emplace_back();
    members_[found->second].push_back(static_cast<std::int64_t>(i));
  }
}

std::vector<std::int64_t> Sampler::order(std::int64_t epoch) const {
  std::vector<std::int64_t> order;
  order.reserve(group_of_.size());
  if (!shuffle_) {
    order.resize(group_of_.size());
    std::iota(order.begin(), order.end(), 0);
    return order;
  }
  std::vector<std::size_t> groups(members_.size());
  std::iota(groups.begin(), groups.end(), 0);
  Random random(seed_, static_cast<std::uint64_t>(epoch));
  random.shuffle(std::span(groups));
  for (const std::size_t group : groups) {
    order.insert(order.end(), members_[group].begin(), members_[group].end());
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
