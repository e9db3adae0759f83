#include "nn/flash_plan.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <span>

#include "kernels/cuda/table.h"
#include "nn/flash_sequences.h"
#include "nn/host_copy.h"

namespace incipit::nn {
namespace {

// Index arrays that are uploaded at once.
class Indices {
 public:
  // Makes `to` a tensor with these numbers when upload() is called.
  void add(const std::vector<std::int32_t>& numbers, at::Tensor& to) {
    pending_.push_back({&to, std::ssize(numbers_), std::ssize(numbers)});
    numbers_.insert(numbers_.end(), numbers.begin(), numbers.end());
  }
  // Returns the lengths of the arrays.
  std::vector<std::int64_t> upload(at::Device device) {
    const at::Tensor all = nn::upload(std::span<const std::int32_t>(numbers_), device);
    std::vector<std::int64_t> lengths;
    for (const auto& [to, begin, count] : pending_) {
      *to = all.narrow(0, begin, count);
      lengths.push_back(count);
    }
    return lengths;
  }

 private:
  struct Pending {
    at::Tensor* to;
    std::int64_t begin, count;
  };
  std::vector<std::int32_t> numbers_;
  std::vector<Pending> pending_;
};

// Collects the entries of PartSums for rows from 0.
class SumEntries {
 public:
  void add(std::int64_t row, std::int64_t part, std::int64_t place) {
    if (row >= std::ssize(entries_)) entries_.resize(row + 1);
    entries_[row].push_back({static_cast<std::int32_t>(part), static_cast<std::int32_t>(place)});
  }
  // Sets `sums` for rows [0, count), or for those between the first and the last that has entries.
  // The arrays of entries get at least `length` numbers.
  void finish(std::int64_t count, Indices& indices, PartSums& sums, std::size_t length = 0) {
    entries_.resize(std::max(count, std::ssize(entries_)));
    sums.rows = {0, std::ssize(entries_)};
    finish(indices, sums, length);
  }
  void finish(Indices& indices, PartSums& sums, std::size_t length = 0) {
    const auto first = std::find_if(entries_.begin(), entries_.end(),
                                    [](const auto& entries) { return !entries.empty(); });
    if (sums.rows.empty()) sums.rows = {first - entries_.begin(), std::ssize(entries_)};
    std::vector<std::int32_t> begin{0}, part, place;
    for (std::int64_t row = sums.rows.begin; row < sums.rows.end; ++row) {
      for (const Entry& entry : entries_[row]) {
        part.push_back(entry.part);
        place.push_back(entry.place);
      }
      begin.push_back(static_cast<std::int32_t>(part.size()));
    }
    part.resize(std::max(part.size(), length));
    place.resize(part.size());
    indices.add(begin, sums.first);
    indices.add(part, sums.part);
    indices.add(place, sums.place);
  }

 private:
  struct Entry {
    std::int32_t part, place;
  };
  std::vector<std::vector<Entry>> entries_;
};

// Adds the tiles of `size` rows of a sequence whose rows are [begin, end).
void add_tiles(std::vector<std::int32_t>& tiles, std::size_t sequence, std::size_t begin,
               std::size_t end, std::size_t size) {
  for (; begin < end; begin += size) {
    tiles.push_back(static_cast<std::int32_t>(sequence));
    tiles.push_back(static_cast<std::int32_t>(begin));
  }
}

// Adds tiles without rows, at the end of the first sequence, until there are `count`.
void fill_up(std::vector<std::int32_t>& tiles, std::size_t count, std::int64_t end) {
  while (tiles.size() < 2 * count) {
    tiles.push_back(0);
    tiles.push_back(static_cast<std::int32_t>(end));
  }
}

void fill_tiles(FlashPlan::Part& part, const AttentionPlan& plan, const FlashSequences& sequences,
                Indices& indices) {
  std::vector<std::int32_t> query_position, key_position, query_tiles, key_tiles;
  std::size_t key = 0;
  for (std::size_t s = 0; s < sequences.sequences.size(); ++s) {
    const auto& [queries, keys, position] = sequences.sequences[s];
    add_tiles(query_tiles, s, query_position.size(),
              query_position.size() + static_cast<std::size_t>(queries.size()),
              kernels::cuda::kDenseQueries);
    for (std::int64_t i = queries.begin; i < queries.end; ++i) {
      query_position.push_back(static_cast<std::int32_t>(plan.query_position(i)));
    }
    const std::size_t end = key + static_cast<std::size_t>(keys.rows.size());
    add_tiles(key_tiles, s, key, end, kernels::cuda::kDenseKeys);
    key = end;
    key_position.push_back(static_cast<std::int32_t>(position));
  }
  if (sequences.rounds_lengths) {
    fill_up(query_tiles,
            sequences.sequences.size() + query_position.size() / kernels::cuda::kDenseQueries,
            sequences.sequences.front().queries.size());
    fill_up(key_tiles, sequences.sequences.size() + key / kernels::cuda::kDenseKeys,
            sequences.sequences.front().keys.rows.size());
  }
  indices.add(query_position, part.query_position);
  indices.add(key_position, part.key_position);
  indices.add(query_tiles, part.query_tiles);
  indices.add(key_tiles, part.key_tiles);
}

std::int64_t round_up(std::int64_t length) {
  constexpr std::uint64_t kLeast = 256;  // a call costs no less for shorter ones
  return static_cast<std::int64_t>(
      std::bit_ceil(std::max(kLeast, static_cast<std::uint64_t>(length))));
}

void fill(FlashPlan::Part& part, const FlashSequences& of, std::int64_t all_queries,
          Indices& indices) {
  const std::vector<FlashSequence>& sequences = of.sequences;
  std::vector<std::int32_t> query_index, key_store, key_row, query_ends{0}, key_ends{0};
  std::vector<std::int32_t> place(all_queries, -1);
  part.first_query = sequences.front().queries.begin;
  part.first_store = sequences.front().keys.store;
  part.first_key = sequences.front().keys.rows.begin;
  part.queries_are_range = !of.gathers_queries;
  part.keys_are_range = !of.gathers_keys;
  for (const auto& [queries, keys, position] : sequences) {
    part.queries_are_range &= queries.begin == part.first_query + std::ssize(query_index);
    part.keys_are_range &=
        keys.store == part.first_store && keys.rows.begin == part.first_key + std::ssize(key_row);
    part.longest_queries = std::max(part.longest_queries, queries.size());
    part.longest_keys = std::max(part.longest_keys, keys.rows.size());
    for (std::int64_t i = queries.begin; i < queries.end; ++i) {
      place[i] = static_cast<std::int32_t>(query_index.size());
      query_index.push_back(static_cast<std::int32_t>(i));
    }
    for (std::int64_t row = keys.rows.begin; row < keys.rows.end; ++row) {
      key_store.push_back(keys.store + 1);
      key_row.push_back(static_cast<std::int32_t>(row));
    }
    query_ends.push_back(static_cast<std::int32_t>(query_index.size()));
    key_ends.push_back(static_cast<std::int32_t>(key_row.size()));
  }
  if (of.rounds_lengths) {
    part.longest_queries = round_up(part.longest_queries);
    part.longest_keys = round_up(part.longest_keys);
  }
  part.queries = std::ssize(query_index);
  part.keys = std::ssize(key_row);
  indices.add(query_index, part.query_index);
  indices.add(key_store, part.key_store);
  indices.add(key_row, part.key_row);
  indices.add(query_ends, part.query_ends);
  indices.add(key_ends, part.key_ends);
  indices.add(place, part.place);
}

}  // namespace

FlashPlan::FlashPlan(const AttentionPlan& plan, bool full, at::Device device) : device_(device) {
  const std::vector<FlashSequences> found = flash_sequences(plan, full);
  parts_.resize(found.size());
  int stores = 0;
  for (const FlashSequences& part : found) {
    for (const FlashSequence& sequence : part.sequences)
      stores = std::max(stores, sequence.keys.store + 1);
  }
  Indices indices;
  SumEntries queries;
  std::vector<SumEntries> keys(stores + 1);
  for (std::size_t p = 0; p < found.size(); ++p) {
    parts_[p].own = found[p].depth == 0;
    fill(parts_[p], found[p], plan.query_count(), indices);
    fill_tiles(parts_[p], plan, found[p], indices);
    std::int64_t query = 0;
    std::int64_t key = 0;
    for (const FlashSequence& sequence : found[p].sequences) {
      for (std::int64_t i = sequence.queries.begin; i < sequence.queries.end; ++i) {
        queries.add(plan.query_row(i), static_cast<std::int64_t>(p), query++);
      }
      // Padding queries add nothing to the gradients of a store, whose rows they only read.
      const bool counts = sequence.keys.store == KeySpan::kOwn ||
                          sequence.queries.begin < plan.query_count() - plan.padding_queries();
      const Range& rows = sequence.keys.rows;
      for (std::int64_t row = rows.begin; row < rows.end; ++row, ++key) {
        if (counts) keys[sequence.keys.store + 1].add(row, static_cast<std::int64_t>(p), key);
      }
    }
  }
  queries.finish(plan.row_count(), indices, of_queries_);
  // How many of the keys are rows of a padded forest differs by batch, unlike the number of keys.
  const bool is_padded = plan.padding_queries() > 0;
  std::size_t length = 0;
  for (const Part& part : parts_) length += is_padded ? static_cast<std::size_t>(part.keys) : 0;
  keys[0].finish(plan.row_count(), indices, of_keys_, length);
  of_stores_.resize(stores);
  sums_stores_ = !is_padded || plan.trains_stores();
  for (int store = 0; store < stores && sums_stores_; ++store) {
    keys[store + 1].finish(indices, of_stores_[store]);
  }
  lengths_ = indices.upload(device);
}

std::vector<std::int64_t> FlashPlan::shape() const {
  std::vector<std::int64_t> shape = lengths_;
  for (const Part& part : parts_) {
    shape.insert(
        shape.end(),
        {part.own, part.queries_are_range, part.queries_are_range ? part.first_query : 0,
         part.keys_are_range, part.keys_are_range ? part.first_store : 0,
         part.keys_are_range ? part.first_key : 0, part.longest_queries, part.longest_keys});
  }
  for (const PartSums& sums : of_stores_) {
    shape.insert(shape.end(), {sums.rows.begin, sums.rows.end});
  }
  return shape;
}

}  // namespace incipit::nn
