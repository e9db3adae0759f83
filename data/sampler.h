// Chooses the examples of each step and the rank that computes each one.
//
// Samples are numbered from 0 over the whole run: sample s is place s % size of epoch s / size.
// Epochs follow each other without gaps, so a batch may span two epochs; no example is dropped or
// repeated within an epoch. A run's position is the number of its next sample; a checkpoint needs
// to store nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace incipit::data {

class Sampler {
 public:
  // `groups` has the group of each example (Dataset::groups). With `shuffle`, groups are reshuffled
  // every epoch and the examples of a group follow each other in file order; without it, examples
  // come in file order. Throws LogicError when there are no examples.
  Sampler(const std::vector<std::int64_t>& groups, std::uint64_t seed, bool shuffle);

  // Returns the example indices of samples [position, position + count). A pure function of the
  // constructor's arguments and these two. Not thread-safe: caches the order of the last epoch.
  [[nodiscard]] std::vector<std::int64_t> batch(std::int64_t position, std::int64_t count);

  // Returns the order of one epoch.
  [[nodiscard]] std::vector<std::int64_t> order(std::int64_t epoch) const;
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(members_.size()); }

 private:
  // Members of group g start at members_[first_[g]]. Groups are renumbered in order of first
  // occurrence.
  std::vector<std::int64_t> first_;
  std::vector<std::int64_t> members_;
  std::uint64_t seed_;
  bool shuffle_;
  std::int64_t cached_epoch_ = -1;
  std::vector<std::int64_t> cached_order_;
};

// Assigns the positions of a batch to ranks and returns them by rank, ascending. Takes the longest
// first and gives it to the rank with the fewest tokens so far (Graham's LPT rule; ties: the fewest
// positions, then the lowest rank). A rank may get none. A pure function of its arguments.
[[nodiscard]] std::vector<std::vector<std::int64_t>> split_over_ranks(
    std::span<const std::int64_t> lengths, int world);

// Splits 0..lengths.size() into consecutive runs whose lengths sum to at most `max_tokens`; a
// longer element is its own run. Returns the start of each run, followed by the size.
[[nodiscard]] std::vector<std::int64_t> split_by_tokens(std::span<const std::int64_t> lengths,
                                                        std::int64_t max_tokens);

}  // namespace incipit::data
