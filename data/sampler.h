// Which examples a step sees, and which rank computes them.
//
// Samples are numbered from 0 over the whole run: sample s is place s % size of epoch
// s / size. Epochs follow each other without a gap, so a batch may span two, and no example is
// dropped or seen twice in an epoch. The position of a run is the number of its next sample: that
// is all that a checkpoint needs to hold.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace incipit::data {

class Sampler {
 public:
  // `groups`: by example (Dataset::groups). With `shuffle`, groups are shuffled anew in every
  // epoch and the examples of a group follow each other in file order; without, examples come
  // in file order. Throws LogicError when there are no examples.
  Sampler(const std::vector<std::int64_t>& groups, std::uint64_t seed, bool shuffle);

  // Example indices of samples [position, position + count). A pure function of the
  // constructor's arguments and these two. Not thread-safe: remembers the last epoch's order.
  [[nodiscard]] std::vector<std::int64_t> batch(std::int64_t position, std::int64_t count);

  // The order of one epoch.
  [[nodiscard]] std::vector<std::int64_t> order(std::int64_t epoch) const;
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(members_.size()); }

 private:
  // Members of group g, numbered anew in order of first occurrence: members_[first_[g]] and on.
  std::vector<std::int64_t> first_;
  std::vector<std::int64_t> members_;
  std::uint64_t seed_;
  bool shuffle_;
  std::int64_t cached_epoch_ = -1;
  std::vector<std::int64_t> cached_order_;
};

// Places of a batch by rank, ascending: the longest first, each to the rank with the fewest
// tokens so far (Graham's LPT rule; ties: the fewest places, then the lowest rank). A
// pure function of its arguments. A rank may get none.
[[nodiscard]] std::vector<std::vector<std::int64_t>> split_over_ranks(
    std::span<const std::int64_t> lengths, int world);

// Cuts 0..lengths.size() into consecutive runs of at most `max_tokens` in sum; a longer single
// one stands alone. Returns the run's begins and, last, the size.
[[nodiscard]] std::vector<std::int64_t> split_by_tokens(std::span<const std::int64_t> lengths,
                                                        std::int64_t max_tokens);

}  // namespace incipit::data
