#include "data/overlap.h"

#include <algorithm>
#include <numeric>

namespace incipit::data {
namespace {

constexpr std::size_t kShown = 3;

std::int64_t root_of(std::vector<std::int64_t>& parents, std::int64_t node) {
  while (parents[node] != node) node = parents[node] = parents[parents[node]];
  return node;
}

}  // namespace

Overlap find_overlap(const Dataset& earlier, const Dataset& later) {
  Overlap overlap;
  if (earlier.empty() || later.empty()) return overlap;
  // The later split is usually smaller, so it is sorted and the earlier one is scanned.
  std::vector<std::uint64_t> identities(static_cast<std::size_t>(later.size()));
  for (std::int64_t i = 0; i < later.size(); ++i) identities[i] = later.facts(i).identity;
  std::sort(identities.begin(), identities.end());
  identities.erase(std::unique(identities.begin(), identities.end()), identities.end());
  const auto place_of = [&](std::uint64_t identity) {
    const auto found = std::lower_bound(identities.begin(), identities.end(), identity);
    return found != identities.end() && *found == identity ? found - identities.begin() : -1;
  };
  std::vector<std::int64_t> first_line(identities.size(), -1);  // line in the earlier split
  for (std::int64_t i = 0; i < earlier.size(); ++i) {
    const ExampleFacts facts = earlier.facts(i);
    const auto place = place_of(facts.identity);
    if (place >= 0 && first_line[place] < 0) first_line[place] = facts.line;
  }
  for (std::int64_t i = 0; i < later.size(); ++i) {
    const ExampleFacts facts = later.facts(i);
    const std::int64_t line = first_line[place_of(facts.identity)];
    if (line < 0) continue;
    if (overlap.first.size() < kShown) overlap.first.emplace_back(facts.line, line);
    ++overlap.count;
  }
  return overlap;
}

std::vector<std::int64_t> groups_with_duplicates(const Dataset& dataset) {
  std::vector<std::int64_t> groups = dataset.groups();
  std::vector<std::pair<std::uint64_t, std::int64_t>> identities;  // with the group of the example
  identities.reserve(groups.size());
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    identities.emplace_back(dataset.facts(i).identity, groups[i]);
  }
  std::sort(identities.begin(), identities.end());

  std::vector<std::int64_t> parents(groups.size());
  std::iota(parents.begin(), parents.end(), 0);
  for (std::size_t k = 1; k < identities.size(); ++k) {
    if (identities[k].first != identities[k - 1].first) continue;
    const std::int64_t a = root_of(parents, identities[k].second);
    const std::int64_t b = root_of(parents, identities[k - 1].second);
    parents[std::max(a, b)] = std::min(a, b);  // the first group of each set is its root
  }
  std::vector<std::int64_t> numbers(groups.size(), -1);
  std::int64_t next = 0;
  for (std::int64_t& group : groups) {
    std::int64_t& number = numbers[root_of(parents, group)];
    if (number < 0) number = next++;
    group = number;
  }
  return groups;
}

}  // namespace incipit::data
