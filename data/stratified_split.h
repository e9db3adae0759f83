// Divides and orders labelled examples so that every part has the same label proportions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace incipit::data {

// Returns the part of every example: part p > 0 gets about shares[p - 1] of the examples of every
// label, drawn by `seed`; part 0 gets the rest. `groups` has the group of each example, from 0
// (duplicates of a text); the examples of a group stay in one part and count under the label of the
// first one.
//
// A label with at least as many groups as parts has an example in every part. With fewer groups,
// part 0 comes first, then the last part. `shares` are above 0 and sum to less than 1. A pure
// function of its arguments.
[[nodiscard]] std::vector<int> stratified_split(std::span<const int> labels,
                                                std::span<const std::int64_t> groups,
                                                std::span<const double> shares, std::uint64_t seed);

// Returns the indices of the examples in an order drawn by `seed`, of which every beginning has
// about the label proportions of the whole: first an example of every label, then each label's
// examples at even distances. A pure function of its arguments.
[[nodiscard]] std::vector<std::int64_t> stratified_order(std::span<const int> labels,
                                                         std::uint64_t seed);

}  // namespace incipit::data
