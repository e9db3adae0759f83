// The parts of attention over a forest as flash calls: each segment's own keys, then one call for
// each depth, every query against its segment's ancestor there. Not for use in other folders.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "nn/attention.h"

namespace incipit::nn {

// Which rows of which parts are added to each row of [rows.begin, rows.end).
struct PartSums {
  Range rows;
  at::Tensor first;  // [rows + 1] int32: where a row's entries begin
  at::Tensor part;   // [entries] int32
  at::Tensor place;  // [entries] int32: row in the part's queries or keys
};

class FlashPlan {
 public:
  struct Part {
    bool own = false;
    // The queries of the part: their indices, [count] int32, ascending, and whether these are
    // consecutive from `first_query`.
    at::Tensor query_index;
    std::int64_t first_query = 0;
    bool queries_are_range = false;
    // The keys of the part, [count] int32 each, and whether they are consecutive rows of one
    // store from `first_key`.
    at::Tensor key_store;  // 0: this forest; 1 + s: store s
    at::Tensor key_row;
    int first_store = KeySpan::kOwn;
    std::int64_t first_key = 0;
    bool keys_are_range = false;
    at::Tensor query_ends, key_ends;  // of the sequences, [sequences + 1] int32
    // For the plain kernels: positions along the path of the queries and of each sequence's first
    // key, and the tiles of sequences, [tiles, 2]: sequence, first query or key. All int32.
    at::Tensor query_position, key_position;
    at::Tensor query_tiles, key_tiles;
    at::Tensor place;  // [all queries] int32: row of the query in the part, or -1
    std::int64_t queries = 0, keys = 0;
    std::int64_t longest_queries = 0, longest_keys = 0;
  };

  // For self attention. With `full`, a query sees all rows of its segment, otherwise those up to
  // its own. Uploads all indices at once.
  FlashPlan(const AttentionPlan& plan, bool full, at::Device device);

  [[nodiscard]] at::Device device() const { return device_; }
  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }
  [[nodiscard]] int stores() const { return static_cast<int>(of_stores_.size()); }
  // The sums of gradients at the rows of this forest and of a store's rows. Only parts that the
  // rows belong to count. A padded forest has those of stores only if the plan trains_stores(): the
  // rows of other stores differ by batch.
  [[nodiscard]] const PartSums& of_queries() const { return of_queries_; }
  [[nodiscard]] const PartSums& of_keys() const { return of_keys_; }
  [[nodiscard]] bool sums_stores() const { return sums_stores_; }
  [[nodiscard]] const PartSums& of_store(int store) const { return of_stores_[store]; }
  // Returns the numbers with which calls are made, besides the contents of the index arrays: equal
  // for plans of which a device can repeat the work (model/pass_graphs.h).
  [[nodiscard]] std::vector<std::int64_t> shape() const;

 private:
  at::Device device_;
  std::vector<Part> parts_;
  PartSums of_queries_, of_keys_;
  std::vector<PartSums> of_stores_;
  bool sums_stores_ = false;
  std::vector<std::int64_t> lengths_;  // of all index arrays
};

}  // namespace incipit::nn
