// Dividing labelled examples into splits that have the labels in the same shares.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace incipit::data {

// The part of every example: 0 is what remains, part p > 0 gets about shares[p - 1] of the
// examples of every label, drawn by `seed`. Examples of one group (by example, from 0; duplicates
// of a text) stay in one part, and count with the label of the first of them.
//
// A label has an example in every part when it has as many groups as there are parts; with fewer,
// part 0 comes first, then the last part. `shares` are above 0 and sum to less than 1. A pure
// function of its arguments.
[[nodiscard]] std::vector<int> stratified_split(std::span<const int> labels,
                                                std::span<const std::int64_t> groups,
                                                std::span<const double> shares, std::uint64_t seed);

}  // namespace incipit::data
