#include "nn/flash_sequences.h"

#include <algorithm>

#include "core/check.h"
#include "core/padding.h"

namespace incipit::nn {
namespace {

// Sizes of calls are rounded up to buckets of at least this many.
constexpr std::int64_t kSequenceStep = 8;
constexpr std::int64_t kQueryStep = 64;
constexpr std::int64_t kKeyStep = kLeastPaddedRows;

// Adds the sequences of a segment's queries and its own keys.
void add_own(const AttentionPlan& plan, const AttentionPlan::Segment& segment, bool full,
             std::vector<FlashSequence>& part) {
  if (full) {
    part.push_back({segment.queries, {segment.own_keys}, segment.ancestor_rows});
    return;
  }
  // The causal mask of a flash call is for consecutive queries that end with the last key.
  for (std::int64_t i = segment.queries.begin; i < segment.queries.end; ++i) {
    const std::int64_t row = plan.query_row(i);
    const bool follows = i > segment.queries.begin && part.back().keys.rows.end == row;
    if (!follows) {
      part.push_back({{i, i}, {{segment.own_keys.begin, row}}, segment.ancestor_rows});
    }
    part.back().queries.end = i + 1;
    part.back().keys.rows.end = row + 1;
  }
}

// Returns the sequences of each call without those of padding queries.
std::vector<FlashSequences> without_padding(const AttentionPlan& plan, bool full) {
  std::vector<FlashSequences> parts{{.depth = 0}};
  const std::int64_t queries = plan.query_count() - plan.padding_queries();
  for (const AttentionPlan::Segment& segment : plan.segments()) {
    if (segment.queries.empty() || segment.queries.begin >= queries) continue;
    while (parts.size() <= segment.ancestors.size()) parts.push_back({.depth = parts.size()});
    std::int64_t position = 0;
    for (std::size_t depth = 0; depth < segment.ancestors.size(); ++depth) {
      std::vector<FlashSequence>& part = parts[depth + 1].sequences;
      const KeySpan& keys = segment.ancestors[depth];
      const bool same = !part.empty() && part.back().queries.end == segment.queries.begin &&
                        part.back().keys.store == keys.store && part.back().keys.rows == keys.rows;
      if (same) {
        part.back().queries.end = segment.queries.end;
      } else {
        part.push_back({segment.queries, keys, position});
      }
      position += keys.rows.size();
    }
    add_own(plan, segment, full, parts[0].sequences);
  }
  std::erase_if(parts, [](const FlashSequences& part) { return part.sequences.empty(); });
  return parts;
}

// Numbers of a call.
struct Counts {
  std::int64_t sequences = 0, queries = 0, keys = 0;
};

Counts counts_of(const FlashSequences& part) {
  Counts counts{std::ssize(part.sequences)};
  for (const FlashSequence& sequence : part.sequences) {
    counts.queries += sequence.queries.size();
    counts.keys += sequence.keys.rows.size();
  }
  return counts;
}

// Whether the call is one sequence, of the only root's keys, such as a prompt's. Later rows may see
// them as well. `queries`: the number of queries without padding.
bool is_of_only_root(const FlashSequences& part, std::int64_t queries) {
  return part.depth == 1 && part.sequences.size() == 1 &&
         part.sequences.front().queries.end == queries;
}

// Returns how many padding sequences, queries and keys a call gets. All padding queries see own
// keys.
Counts padding_of(const FlashSequences& part, std::int64_t padding_queries) {
  const Counts counts = counts_of(part);
  Counts more;
  more.sequences = bucket_size(counts.sequences + 1, kSequenceStep) - counts.sequences;
  more.queries = part.depth == 0
                     ? padding_queries
                     : bucket_size(counts.queries + more.sequences, kQueryStep) - counts.queries;
  more.keys = bucket_size(counts.keys + more.queries, kKeyStep) - counts.keys;
  return more;
}

// Returns `count` consecutive rows of a store that all sequences of the call see rows of, between
// the first and the last of these. Nothing if there are fewer.
std::optional<KeySpan> rows_of_store(const FlashSequences& part, std::int64_t count) {
  const int store = part.sequences.front().keys.store;
  Range all = part.sequences.front().keys.rows;
  for (const FlashSequence& sequence : part.sequences) {
    if (sequence.keys.store != store) return {};
    all.begin = std::min(all.begin, sequence.keys.rows.begin);
    all.end = std::max(all.end, sequence.keys.rows.end);
  }
  if (store == KeySpan::kOwn || all.size() < count) return {};
  return KeySpan{{all.begin, all.begin + count}, store};
}

// Returns `count` rows that the last of the padding queries see, whatever they contain.
KeySpan rows_for_padding(const AttentionPlan& plan, const FlashSequences& part,
                         std::int64_t count) {
  if (count <= plan.row_count()) return {{0, count}};
  const std::optional<KeySpan> rows = rows_of_store(part, count);
  INCIPIT_CHECK(rows.has_value(), "a call needs ", count, " keys for padding queries");
  return *rows;
}

// Adds sequences of padding queries. All but the last have one query, which sees its own row.
void pad(const AttentionPlan& plan, FlashSequences& part) {
  const std::int64_t first = plan.query_count() - plan.padding_queries();
  if (is_of_only_root(part, first)) {
    part.sequences.front().queries.end = plan.query_count();
    return;
  }
  const Counts more = padding_of(part, plan.padding_queries());
  const std::int64_t rest = more.sequences - 1;  // the last sequence
  const std::int64_t rest_keys = more.keys - rest;
  INCIPIT_CHECK(more.queries > rest && more.queries <= plan.padding_queries() &&
                    rest_keys >= more.queries - rest,
                "a call needs ", more.queries, " padding queries");
  const bool sees_itself = rest_keys == more.queries - rest;
  const std::int64_t own = plan.query_row(first + rest);
  const KeySpan keys =
      sees_itself ? KeySpan{{own, own + rest_keys}} : rows_for_padding(plan, part, rest_keys);
  for (std::int64_t i = 0; i < rest; ++i) {
    const std::int64_t row = plan.query_row(first + i);
    part.sequences.push_back({{first + i, first + i + 1}, {{row, row + 1}}});
  }
  part.sequences.push_back({{first + rest, first + more.queries}, keys});
  part.gathers_queries = part.depth > 0;
  part.gathers_keys = part.depth > 0 || plan.query_count() < plan.row_count();
  part.rounds_lengths = true;
}

}  // namespace

std::vector<FlashSequences> flash_sequences(const AttentionPlan& plan, bool full) {
  std::vector<FlashSequences> parts = without_padding(plan, full);
  if (plan.padding_queries() == 0) return parts;
  for (FlashSequences& part : parts) pad(plan, part);
  return parts;
}

std::optional<std::int64_t> padding_needed(const AttentionPlan& plan) {
  // Of the forest's own keys per row, so that a bucket is at most half the rows wide.
  constexpr std::int64_t kMostKeys = 4;
  const std::int64_t rows = std::max(plan.row_count(), kLeastPaddedRows);
  std::int64_t most = 1;
  for (const FlashSequences& part : without_padding(plan, /*full=*/false)) {
    if (is_of_only_root(part, plan.query_count())) continue;
    const Counts more = padding_of(part, 0);
    const bool has_many_keys = counts_of(part).keys > kMostKeys * rows;
    if (has_many_keys && !rows_of_store(part, more.keys)) return {};
    most = std::max(most, part.depth == 0 ? more.sequences : more.queries);
  }
  return most;
}

}  // namespace incipit::nn
