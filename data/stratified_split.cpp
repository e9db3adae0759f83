#include "data/stratified_split.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/check.h"
#include "core/random.h"

namespace incipit::data {
namespace {

// Returns how many examples of a label each part should get; parts 1 and up, as in `shares`.
std::vector<std::int64_t> wanted_examples(std::int64_t examples, std::int64_t groups,
                                          std::span<const double> shares) {
  const auto parts = static_cast<std::int64_t>(shares.size()) + 1;
  std::vector<std::int64_t> wanted;
  for (const double share : shares) {
    const auto even = std::llround(share * static_cast<double>(examples));
    wanted.push_back(groups >= parts ? std::max<std::int64_t>(1, even) : 0);
  }
  // The last parts come first, as long as one group is left for part 0.
  for (std::int64_t spare = groups - 1, p = parts - 2; groups < parts && spare > 0; --spare, --p) {
    wanted[static_cast<std::size_t>(p)] = 1;
  }
  return wanted;
}

}  // namespace

std::vector<int> stratified_split(std::span<const int> labels, std::span<const std::int64_t> groups,
                                  std::span<const double> shares, std::uint64_t seed) {
  INCIPIT_CHECK(labels.size() == groups.size());
  std::map<std::int64_t, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < groups.size(); ++i) members[groups[i]].push_back(i);
  std::map<int, std::vector<std::int64_t>> groups_of;
  for (const auto& [group, examples] : members) {
    groups_of[labels[examples.front()]].push_back(group);
  }

  std::vector<int> part(labels.size(), 0);
  for (auto& [label, own] : groups_of) {
    std::int64_t examples = 0;
    for (const auto group : own) examples += static_cast<std::int64_t>(members[group].size());
    Random random(seed, static_cast<std::uint64_t>(label));
    random.shuffle(std::span(own));
    const auto wanted = wanted_examples(examples, static_cast<std::int64_t>(own.size()), shares);
    std::size_t next = 0;
    for (std::size_t p = 0; p < wanted.size(); ++p) {
      // Keep one group for each later part, and one for part 0.
      const std::size_t kept = own.size() >= wanted.size() + 1 ? wanted.size() - p : 1;
      for (std::int64_t taken = 0; taken < wanted[p] && next + kept < own.size(); ++next) {
        for (const std::size_t i : members[own[next]]) part[i] = static_cast<int>(p) + 1;
        taken += static_cast<std::int64_t>(members[own[next]].size());
      }
    }
  }
  return part;
}

std::vector<std::int64_t> stratified_order(std::span<const int> labels, std::uint64_t seed) {
  constexpr std::uint64_t kStream = 0x6578616d706c6573;  // "examples"
  std::map<int, std::vector<std::int64_t>> members;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    members[labels[i]].push_back(static_cast<std::int64_t>(i));
  }
  struct Place {
    bool first = false;  // of its label
    double share = 0;    // of the label's examples that come before it
    std::int64_t example = 0;
  };
  std::vector<Place> places;
  for (auto& [label, own] : members) {
    Random random(mix_seed(seed, kStream), static_cast<std::uint64_t>(label));
    random.shuffle(std::span(own));
    const auto count = static_cast<double>(own.size());
    for (std::size_t k = 0; k < own.size(); ++k) {
      places.push_back({k == 0, (static_cast<double>(k) + 0.5) / count, own[k]});
    }
  }
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.first != b.first ? a.first : a.share < b.share;
  });
  std::vector<std::int64_t> order;
  order.reserve(places.size());
  for (const Place& place : places) order.push_back(place.example);
  return order;
}

}  // namespace incipit::data
